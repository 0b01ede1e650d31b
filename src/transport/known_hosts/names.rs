//! Whether the first field of a known_hosts line names a host: lists, patterns, hashed names.

use base64::prelude::{BASE64_STANDARD, Engine};
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// Under which name known_hosts lists `host`: `[host]:port`, or the host alone on port 22. Lower case.
pub fn listed(host: &str, port: u16) -> String {
    let host = host.to_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// Whether `names`, the first field of a line, stands for `name` (as [`listed`] writes it).
pub fn matches(names: &str, name: &str) -> bool {
    match names.strip_prefix("|1|") {
        Some(hashed) => is_hash_of(hashed, name),
        None => is_listed(names, name),
    }
}

/// `salt|hash`, both base64: HMAC-SHA1 of the name, keyed with the salt.
fn is_hash_of(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(hash)) = (BASE64_STANDARD.decode(salt), BASE64_STANDARD.decode(hash)) else { return false };
    // OpenSSH salts with as many bytes as the hash has, and takes nothing else.
    salt.len() == 20 && keyed(&salt, name).verify_slice(&hash).is_ok()
}

fn keyed(salt: &[u8], name: &str) -> Hmac<Sha1> {
    Hmac::<Sha1>::new_from_slice(salt).expect("HMAC takes a key of any length").chain_update(name)
}

/// A comma list of patterns; one `!pattern` that matches takes the host out, wherever it stands.
fn is_listed(names: &str, name: &str) -> bool {
    let mut found = false;
    for pattern in names.split(',') {
        let (pattern, taken_out) = pattern.strip_prefix('!').map_or((pattern, false), |pattern| (pattern, true));
        if glob(pattern.to_lowercase().as_bytes(), name.as_bytes()) {
            if taken_out {
                return false;
            }
            found = true;
        }
    }
    found
}

/// `*` is any run of characters, `?` any one, all else is itself.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when what follows the last `*` does not fit: one character later.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(&c) if c == b'?' || c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                retry = Some((after_star, from + 1));
                (p, t) = (after_star, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_port_belongs_to_the_name_unless_it_is_22() {
        assert_eq!(listed("Web1.Example.com", 22), "web1.example.com");
        assert_eq!(listed("::1", 2222), "[::1]:2222");
    }

    #[test]
    fn lists_patterns_and_exceptions() {
        for (names, name, expected) in [
            ("a,b", "b", true),
            ("WEB1", "web1", true),
            ("web?.example.*", "web1.example.com", true),
            ("web?", "web12", false),
            ("*", "anything", true),
            ("[*]:22022", "[10.0.0.1]:22022", true),
            ("[*]:22022", "[10.0.0.1]:22023", false),
            ("*,!db*", "db1", false),
            ("!db*,*", "web1", true),
            ("!web1", "db1", false),
            (",,a", "a", true),
            ("a*b*c", "abxbxc", true),
            ("a*b*c", "abxbx", false),
            ("", "a", false),
        ] {
            assert_eq!(matches(names, name), expected, "{names} for {name}");
        }
    }

    #[test]
    fn a_name_hashed_by_ssh_keygen_is_found() {
        assert!(matches("|1|aIOgh6q8XOCSD/UTtfKWgjYe89k=|m2TZx1b75KlO65kSHkwGugKFMU4=", "[127.0.0.1]:2222"));
        assert!(!matches("|1|aIOgh6q8XOCSD/UTtfKWgjYe89k=|m2TZx1b75KlO65kSHkwGugKFMU4=", "127.0.0.1"));
        assert!(!matches("|1|AAAA", "a"));
        assert!(!matches("|1|AAAA|AAAA", "a"));
        assert!(!matches("|2|AAAA|AAAA", "a"));
    }

    proptest! {
        #[test]
        fn a_hashed_name_stands_for_that_name_alone(salt: [u8; 20], name in "[a-z0-9.:\\[\\]-]{1,40}", other in "[a-z0-9.:\\[\\]-]{1,40}") {
            let hash = keyed(&salt, &name).finalize().into_bytes();
            let field = format!("|1|{}|{}", BASE64_STANDARD.encode(salt), BASE64_STANDARD.encode(hash));
            prop_assert!(matches(&field, &name));
            prop_assert_eq!(matches(&field, &other), name == other);
        }

        #[test]
        fn no_field_and_no_name_panics(names: String, name: String) {
            matches(&names, &name);
        }
    }
}
