//! The filters that hoist adds to Tera's own. Each is named as Ansible names it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

/// The filters that are hoist's own, with what they do; the reference page is made of it.
pub const FILTERS: &[(&str, &str)] = &[
    ("b64decode", "the text behind base64"),
    ("b64encode", "base64 of a text"),
    ("basename", "the last part of a path"),
    ("dirname", "a path without its last part"),
    ("hash", "SHA-256 of a text, in hex; `algorithm=` takes `sha1` and `sha512`, too"),
    (
        "password_hash",
        "what stands in /etc/shadow for a password (SHA-512), the same in every run; `salt=` sets the salt, `rounds=` the work",
    ),
    ("quote", "one word for a shell, whatever is in it"),
    ("scram_sha256", "what PostgreSQL keeps for a password (SCRAM-SHA-256), the same in every run; `salt=` sets the salt"),
    ("to_json", "JSON on one line"),
    ("to_nice_json", "JSON over several lines"),
    ("urlencode", "one part of a URL, whatever is in it: a password, a name; `/` is encoded, too"),
];

/// Those of Tera, for whoever mistypes one.
pub(super) const OF_TERA: [&str; 37] = [
    "abs",
    "capitalize",
    "default",
    "escape",
    "escape_html",
    "escape_xml",
    "first",
    "float",
    "get",
    "group_by",
    "indent",
    "int",
    "join",
    "keys",
    "last",
    "length",
    "lower",
    "newlines_to_br",
    "nth",
    "pairs",
    "pluralize",
    "replace",
    "reverse",
    "round",
    "safe",
    "sort",
    "split",
    "str",
    "title",
    "trim",
    "trim_end",
    "trim_start",
    "truncate",
    "unique",
    "upper",
    "values",
    "wordcount",
];

pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("b64decode", |text: &str, _: Kwargs, _: &State| -> TeraResult<String> {
        let bytes = STANDARD.decode(text.trim()).map_err(|error| Error::message(format!("not base64: {error}")))?;
        String::from_utf8(bytes).map_err(|_| Error::message("what is behind the base64 is not text"))
    });
    tera.register_filter("b64encode", |text: &str, _: Kwargs, _: &State| STANDARD.encode(text));
    tera.register_filter("basename", |path: &str, _: Kwargs, _: &State| {
        path.trim_end_matches('/').rsplit('/').next().unwrap_or("").to_string()
    });
    tera.register_filter("dirname", |path: &str, _: Kwargs, _: &State| match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/".to_string(),
        Some((parent, _)) => parent.to_string(),
        None => String::new(),
    });
    tera.register_filter("hash", |text: &str, kwargs: Kwargs, _: &State| hash(text, kwargs.get("algorithm")?.unwrap_or("sha256")));
    tera.register_filter("password_hash", |password: &str, kwargs: Kwargs, state: &State| {
        let host = state.get::<String>(super::HOST)?.unwrap_or_default();
        let salt = kwargs.get::<String>("salt")?;
        password_hash(password, salt.as_deref(), &host, kwargs.get("rounds")?)
    });
    tera.register_filter("quote", |text: Value, _: Kwargs, _: &State| -> TeraResult<String> {
        crate::shell::quote(&text.to_string()).ok_or_else(|| Error::message("a shell word cannot hold a NUL"))
    });
    tera.register_filter("scram_sha256", |password: &str, kwargs: Kwargs, state: &State| -> TeraResult<String> {
        let host = state.get::<String>(super::HOST)?.unwrap_or_default();
        let salt = kwargs.get::<String>("salt")?;
        Ok(scram_sha256(password, salt.as_deref().map(str::as_bytes), &host))
    });
    tera.register_filter("to_json", |value: Value, _: Kwargs, _: &State| json(&value, false));
    tera.register_filter("to_nice_json", |value: Value, _: Kwargs, _: &State| json(&value, true));
    tera.register_filter("urlencode", |text: Value, _: Kwargs, _: &State| crate::secret::url_encoded(&text.to_string()));
}

fn json(value: &Value, pretty: bool) -> TeraResult<String> {
    let text = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    text.map_err(|error| Error::message(format!("cannot be written as JSON: {error}")))
}

fn hash(text: &str, algorithm: &str) -> TeraResult<String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    match algorithm {
        "sha1" => Ok(hex(&Sha1::digest(text))),
        "sha256" => Ok(hex(&Sha256::digest(text))),
        "sha512" => Ok(hex(&Sha512::digest(text))),
        other => Err(Error::message(format!("`{other}` is no algorithm of `hash`: sha1, sha256 or sha512"))),
    }
}

/// Rounds that crypt(3) takes when none are named.
const ROUNDS: usize = 5000;
const SALT: usize = 16;

/// `$6$salt$hash`. Without a salt one is made of the host and of the password itself, by the same slow function: it is the
/// same in every run, another one on every host, and helps nobody to find the password faster than the hash does.
fn password_hash(password: &str, salt: Option<&str>, host: &str, rounds: Option<u32>) -> TeraResult<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "./".contains(c);
    if salt.is_some_and(|salt| salt.is_empty() || salt.len() > SALT || !salt.chars().all(allowed)) {
        return Err(Error::message("a salt is 1 to 16 letters, digits, `.` and `/`"));
    }
    let count = rounds.map_or(ROUNDS, |rounds| rounds as usize);
    if !(1000..=9_999_999).contains(&count) {
        return Err(Error::message("`rounds` is 1000 to 9999999"));
    }
    let params = sha_crypt::Sha512Params::new(count).map_err(|_| Error::message("these rounds cannot be used"))?;
    let crypt = |salt: &str| {
        let hash = sha_crypt::sha512_crypt_b64(password.as_bytes(), salt.as_bytes(), &params);
        hash.map_err(|_| Error::message("this cannot be hashed"))
    };
    let salt = match salt {
        Some(salt) => salt.to_string(),
        None => {
            let of_host: String = hash(&format!("hoist password_hash {host}"), "sha256")?.chars().take(SALT).collect();
            crypt(&of_host)?.chars().take(SALT).collect()
        }
    };
    let rounds = rounds.map(|rounds| format!("rounds={rounds}$")).unwrap_or_default();
    Ok(format!("$6${rounds}{salt}${}", crypt(&salt)?))
}

/// Rounds that PostgreSQL takes.
const SCRAM_ROUNDS: u32 = 4096;

/// `SCRAM-SHA-256$4096:salt$stored key:server key` (RFC 5802, RFC 7677). The salt is made as that of [`password_hash`] is.
fn scram_sha256(password: &str, salt: Option<&[u8]>, host: &str) -> String {
    // As PostgreSQL itself does: a password that cannot be prepared is taken as it is.
    let prepared = stringprep::saslprep(password).unwrap_or(password.into());
    let slow = |salt: &[u8]| pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(prepared.as_bytes(), salt, SCRAM_ROUNDS);
    let salt = salt.map_or_else(|| slow(format!("hoist scram_sha256 {host}").as_bytes())[..SALT].to_vec(), <[u8]>::to_vec);
    let salted = slow(&salt);
    let keyed = |text: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&salted).expect("a key of any length will do");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes()
    };
    let stored = Sha256::digest(keyed("Client Key"));
    let [salt, stored, server] = [&salt[..], &stored[..], &keyed("Server Key")[..]].map(|bytes| STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${SCRAM_ROUNDS}:{salt}${stored}:{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_hash_is_what_crypt_makes_and_stays_the_same() {
        // openssl passwd -6 -salt saltstring "Hello world!"
        let known = "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
        assert_eq!(password_hash("Hello world!", Some("saltstring"), "", None).expect("valid"), known);
        let of = |password: &str, host: &str| password_hash(password, None, host, None).expect("valid");
        assert_eq!(of("hunter2", "web1"), of("hunter2", "web1"));
        assert_ne!(of("hunter2", "web1"), of("hunter2", "web2"));
        assert_ne!(of("hunter2", "web1")[..19], of("hunter3", "web1")[..19], "salts differ");
        assert!(password_hash("x", Some("a$b"), "", None).is_err() && password_hash("x", None, "", Some(5)).is_err());
        assert!(password_hash("x", Some("ab"), "", Some(1000)).expect("valid").starts_with("$6$rounds=1000$ab$"));
    }

    #[test]
    fn a_scram_hash_is_what_postgresql_makes_and_stays_the_same() {
        // RFC 7677: the exchange of user `user` with the password `pencil`.
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        let known = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert_eq!(scram_sha256("pencil", Some(&salt), ""), known);
        assert_eq!(scram_sha256("pencil", None, "db1"), scram_sha256("pencil", None, "db1"));
        assert_ne!(scram_sha256("pencil", None, "db1"), scram_sha256("pencil", None, "db2"));
        assert_eq!(scram_sha256("\u{fb01}n\u{a0}", Some(b"x"), ""), scram_sha256("fin ", Some(b"x"), ""), "passwords are prepared");
    }

    #[test]
    fn hashes_are_those_of_the_usual_programs() {
        assert_eq!(hash("abc", "sha1").expect("known"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(hash("abc", "sha256").expect("known")[..16], *"ba7816bf8f01cfea");
        assert_eq!(hash("abc", "sha512").expect("known")[..16], *"ddaf35a193617aba");
        assert!(hash("abc", "md6").is_err());
    }
}
