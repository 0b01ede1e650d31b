//! The one HTTP client: for keys, archives and webhooks. It follows no redirect unless told so.

use std::time::Duration;

use reqwest::blocking::Client;

/// A client that waits so long, in all, and follows so many redirects.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn client(patience: Duration, redirects: usize) -> reqwest::Result<Client> {
    // The first one is kept; that there is one already is no matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let policy = if redirects == 0 { reqwest::redirect::Policy::none() } else { reqwest::redirect::Policy::limited(redirects) };
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
