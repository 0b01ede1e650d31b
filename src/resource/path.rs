//! Paths on a host, as the user wrote them.

use crate::diagnostic::{Diagnostic, Span};

/// An absolute path without a trailing slash, `.`, `..` or doubled slashes.
///
/// # Errors
/// It is relative, or climbs with `..`.
pub fn absolute(written: &str, span: &Span) -> Result<String, Diagnostic> {
    if !written.starts_with('/') {
        let error = Diagnostic::error(format!("`{written}` is not an absolute path")).at(span);
        return Err(match written.strip_prefix('~') {
            Some(_) => error.help("`~` is not expanded: write the home folder out, such as /home/app"),
            None => error.help("paths on hosts start with `/`"),
        });
    }
    let parts: Vec<&str> = written.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err(Diagnostic::error(format!("`{written}` climbs with `..`")).at(span).help("write the path that is meant"));
    }
    Ok(format!("/{}", parts.join("/")))
}
