//! The public SSH keys of a GitHub user.

use std::io::Read as _;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::report;
use crate::secret::Recipient;
use crate::transport::http;

/// A list of keys is some lines.
const MOST: u64 = 256 << 10;

/// The keys of `user` that can decrypt, named after them. `base` is the address of GitHub.
///
/// # Errors
/// There is no such user, or no usable key, or no answer.
pub fn keys(base: &str, user: &str) -> Result<Vec<Recipient>, Diagnostic> {
    let good = !user.is_empty() && user.len() <= 39 && user.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !good {
        return Err(Diagnostic::error(format!("`{}` is no name of a GitHub user", user.escape_debug())));
    }
    let local = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"].iter().any(|start| base.starts_with(start));
    if !base.starts_with("https://") && !local {
        return Err(Diagnostic::error(format!("the setting `github_url` must start with https://, it is {base}"))
            .help("whoever can change the answer on its way could read all secrets"));
    }
    let address = format!("{}/{user}.keys", base.trim_end_matches('/'));
    let text =
        fetch(&address).map_err(|why| Diagnostic::error(format!("the keys of github:{user} cannot be fetched from {address}: {why}")))?;
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match Recipient::parse(line) {
            Ok(key) => found.push(key.named(format!("github:{user}"))),
            Err((why, _)) => report::note(&format!("github:{user}: a key is left out: {why}")),
        }
    }
    if found.is_empty() {
        return Err(Diagnostic::error(format!("github:{user} has no key that can decrypt")).help("ask for an ssh-ed25519 or an age key"));
    }
    Ok(found)
}

fn fetch(address: &str) -> Result<String, String> {
    let client = http::client(Duration::from_secs(20), 0).map_err(http::causes)?;
    let answer = client.get(address).send().map_err(http::causes)?;
    match answer.status() {
        status if status.is_success() => {}
        reqwest::StatusCode::NOT_FOUND => return Err("there is no such user".into()),
        status => return Err(format!("the server answered {status}")),
    }
    let mut text = String::new();
    answer.take(MOST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    Ok(text)
}
