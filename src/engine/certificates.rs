//! The certificates that a host keeps, as openssl on it reads them.

use crate::shell::Script;

/// A certificate of a host, or a file where one should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is called: the name that certbot or nginx knows it by, else its file.
    pub name: String,
    /// Its file.
    pub file: String,
    /// Where it comes from.
    pub origin: Origin,
    /// What it says, or why it cannot be read.
    pub content: Result<Content, String>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// certbot keeps it.
    Certbot,
    /// The nginx role made it, so that nginx starts before there is a real one.
    Placeholder,
    /// Somebody put it there, and it is signed with its own key.
    SelfSigned,
    /// Somebody put it there.
    File,
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// When it ends, as in `2026-02-01T12:00:00Z`.
    pub until: String,
    /// Whole days until then, by the clock of the host; negative when it has ended.
    pub days: i64,
}

impl Origin {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certbot => "certbot",
            Self::Placeholder => "placeholder",
            Self::SelfSigned => "self-signed",
            Self::File => "file",
        }
    }
}

impl Certificate {
    /// Whether it ends within so many days, or is none that anybody should see by then.
    pub fn due(&self, days: i64) -> bool {
        self.origin == Origin::Placeholder || self.content.as_ref().map_or(true, |content| content.days < days)
    }
}

/// Prints what there is, in the frame `certificates`.
pub fn script() -> Script {
    let mut script = Script::new();
    script.line(include_str!("certificates.sh"), &[]);
    script
}

/// Reads what the script printed: each certificate once, however many links lead to it, those that end first in front.
pub fn read(text: &str) -> Vec<Certificate> {
    let mut found: Vec<(String, Certificate)> = Vec::new();
    let starts: Vec<usize> =
        text.match_indices("file=").filter(|(at, _)| *at == 0 || text.as_bytes()[at - 1] == b'\n').map(|(at, _)| at).collect();
    for (number, start) in starts.iter().enumerate() {
        let block = &text[*start..starts.get(number + 1).copied().unwrap_or(text.len())];
        let (real, certificate) = one(block);
        // certbot's own name comes first in the alphabet, and nginx may have another one for the same.
        if real.is_empty() || found.iter().all(|(known, _)| *known != real) {
            found.push((real, certificate));
        }
    }
    let mut certificates: Vec<Certificate> = found.into_iter().map(|(_, certificate)| certificate).collect();
    certificates.sort_by_key(|certificate| certificate.content.as_ref().map_or(i64::MIN, |content| content.days));
    certificates
}

/// One block of the answer: where the file really is, and the certificate.
fn one(block: &str) -> (String, Certificate) {
    let field =
        |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().trim().to_string();
    let (file, real) = (field("file"), field("real"));
    let (subject, issuer) = (parts(block, "subject="), parts(block, "issuer="));
    let origin = if real.starts_with("/etc/letsencrypt/") {
        Origin::Certbot
    } else if real.starts_with("/etc/nginx/certificates/.self-signed/") {
        Origin::Placeholder
    } else if !issuer.is_empty() && issuer == subject {
        Origin::SelfSigned
    } else {
        Origin::File
    };
    let content = match field("left").parse::<i64>() {
        Ok(left) => {
            Ok(Content { names: names(block, &subject), issuer: who(&issuer), until: field("until"), days: left.div_euclid(86_400) })
        }
        Err(_) if field("error").is_empty() => Err("it cannot be read".to_string()),
        Err(_) => Err(field("error")),
    };
    let folder = |root: &str| Some(file.strip_prefix(root)?.split_once('/')?.0.to_string());
    let name = folder("/etc/letsencrypt/live/").or_else(|| folder("/etc/nginx/certificates/")).unwrap_or_else(|| file.clone());
    (real, Certificate { name, file, origin, content })
}

/// The parts of a name that openssl prints below `head`, one a line: `CN=...`.
fn parts(block: &str, head: &str) -> Vec<String> {
    let lines = block.lines().skip_while(|line| !line.starts_with(head)).skip(1);
    lines.take_while(|line| line.starts_with(' ')).map(|line| line.trim().to_string()).collect()
}

/// An issuer in a few words: its organisation and its name.
fn who(issuer: &[String]) -> String {
    let part = |key: &str| issuer.iter().find_map(|part| part.strip_prefix(key));
    let words: Vec<&str> = [part("O="), part("CN=")].into_iter().flatten().collect();
    words.join(", ")
}

/// The names that a certificate is for; where it lists none, the one of its subject.
fn names(block: &str, subject: &[String]) -> Vec<String> {
    let list = block.lines().skip_while(|line| !line.contains("Subject Alternative Name")).nth(1).unwrap_or_default();
    let mut names: Vec<String> = list
        .split(',')
        .filter_map(|name| name.trim().split_once(':'))
        .filter(|(kind, _)| ["DNS", "IP Address"].contains(kind))
        .map(|(_, name)| name.to_string())
        .collect();
    if names.is_empty() {
        names.extend(subject.iter().find_map(|part| part.strip_prefix("CN=")).map(str::to_string));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "file=/etc/letsencrypt/live/shop/fullchain.pem
real=/etc/letsencrypt/archive/shop/fullchain3.pem
left=5184000
until=2026-03-02T00:00:00Z
subject=
    CN=shop.test
issuer=
    C=US
    O=Let's Encrypt
    CN=R11
X509v3 Subject Alternative Name: 
    DNS:shop.test, DNS:www.shop.test, IP Address:10.0.0.1
file=/etc/nginx/certificates/shop/fullchain.pem
real=/etc/letsencrypt/archive/shop/fullchain3.pem
left=5184000
file=/etc/nginx/certificates/new/fullchain.pem
real=/etc/nginx/certificates/.self-signed/new/fullchain.pem
left=315360000
until=2035-01-01T00:00:00Z
subject=
    CN=new
issuer=
    CN=new
file=/srv/old.pem
real=/srv/old.pem
left=-1
until=2025-01-01T00:00:00Z
subject=
    CN=old.test
issuer=
    CN=old.test
file=/srv/gone.pem
real=
error=there is no such file
";

    #[test]
    fn each_certificate_is_told_once_those_that_end_first_in_front() {
        let all = read(SAID);
        let row = |certificate: &Certificate| {
            let said = certificate
                .content
                .as_ref()
                .map(|content| format!("{} days, {}, by {}", content.days, content.names.join(" "), content.issuer));
            format!("{} ({}): {}", certificate.name, certificate.origin.name(), said.unwrap_or_else(|error| error.clone()))
        };
        let rows: Vec<String> = all.iter().map(row).collect();
        assert_eq!(
            rows,
            [
                "/srv/gone.pem (file): there is no such file",
                "/srv/old.pem (self-signed): -1 days, old.test, by old.test",
                "shop (certbot): 60 days, shop.test www.shop.test 10.0.0.1, by Let's Encrypt, R11",
                "new (placeholder): 3650 days, new, by new",
            ]
        );
        assert_eq!(all.iter().map(|one| one.due(60)).collect::<Vec<_>>(), [true, true, false, true]);
        assert!(all[2].due(61) && read("").is_empty());
    }
}
