//! The one HTTP client: for keys, archives and webhooks. It follows no redirect unless told so.

use std::time::Duration;

use reqwest::blocking::Client;
use reqwest::redirect::Policy;

/// A client that waits so long, in all, and follows so many redirects.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn client(patience: Duration, redirects: usize) -> reqwest::Result<Client> {
    // The first one is kept; that there is one already is no matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let policy = Policy::custom(move |attempt| {
        let from = attempt.previous();
        if attempt.url().scheme() != "https" && from.iter().any(|url| url.scheme() == "https") {
            return attempt.error("it leads from https:// to where it can be altered on the way");
        }
        if from.len() > redirects { attempt.error("it leads on and on") } else { attempt.follow() }
    });
    let policy = if redirects == 0 { Policy::none() } else { policy };
    Client::builder().redirect(policy).timeout(patience).user_agent(concat!("hoist/", env!("CARGO_PKG_VERSION"))).build()
}

/// An error with all that is behind it, for the outer words alone say little; without the address, which may be secret.
pub fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut inner = std::error::Error::source(&error);
    while let Some(error) = inner {
        words += &format!(": {error}");
        inner = error.source();
    }
    words
}
