//! The certificates of all hosts: a line each.

use serde_json::json;

use super::json::{Event, fields};
use super::style::{ERROR, YELLOW};
use super::table::{Cell, Table};
use crate::engine::certificates::{Certificate, Origin};

/// A table. Those that end within `min_days`, or have ended, stand out.
pub fn text(all: &[(String, Vec<Certificate>)], min_days: i64, columns: Option<usize>) -> String {
    let mut table = Table::new(
        ["HOST", "CERTIFICATE"].map(Cell::new).into_iter().chain([Cell::right("DAYS")]).chain(["NAMES", "ISSUER", "FROM"].map(Cell::new)),
    );
    for (host, certificate) in all.iter().flat_map(|(host, certificates)| certificates.iter().map(move |one| (host, one))) {
        let (days, names, issuer) = match &certificate.content {
            Ok(content) => (content.days.to_string(), content.names.join(" "), content.issuer.clone()),
            Err(error) => ("?".to_string(), error.clone(), String::new()),
        };
        let ended = certificate.content.as_ref().map_or(true, |content| content.days < min_days.max(0));
        let days = if ended { Cell::right(days).style(ERROR) } else { Cell::right(days) };
        let from = Cell::new(certificate.origin.name());
        let from = if certificate.origin == Origin::Placeholder { from.style(YELLOW) } else { from };
        table.row([Cell::new(host), Cell::new(&certificate.name), days, Cell::new(names), Cell::new(issuer), from]);
    }
    table.text(columns)
}

/// `certificate`, one for each.
pub fn events(all: &[(String, Vec<Certificate>)], min_days: Option<i64>) -> Vec<Event> {
    let one = |host: &String, certificate: &Certificate| {
        let mut event = fields(json!({
            "host": host,
            "certificate": certificate.name,
            "file": certificate.file,
            "from": certificate.origin.name(),
        }));
        event.extend(fields(match &certificate.content {
            Ok(content) => json!({ "names": content.names, "issuer": content.issuer, "until": content.until, "days": content.days }),
            Err(error) => json!({ "message": error }),
        }));
        event.extend(min_days.map(|days| ("due".to_string(), json!(certificate.due(days)))));
        ("certificate", event)
    };
    all.iter().flat_map(|(host, certificates)| certificates.iter().map(move |certificate| one(host, certificate))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::certificates::Content;
    use crate::report::sample::plain;

    #[test]
    fn a_line_for_each_and_the_same_for_programs() {
        let content = Content {
            names: vec!["a.test".into(), "b.test".into()],
            issuer: "E1\x1b[2J".into(),
            until: "2026-02-01T00:00:00Z".into(),
            days: 7,
        };
        let certificate = |name: &str, origin, content| Certificate { name: name.into(), file: format!("/{name}"), origin, content };
        let all = [
            (
                "web1".to_string(),
                vec![certificate("a", Origin::Certbot, Ok(content)), certificate("b", Origin::File, Err("there is no such file".into()))],
            ),
            ("web2".to_string(), vec![]),
        ];
        assert_eq!(
            plain(&text(&all, 0, None)),
            "HOST  CERTIFICATE  DAYS  NAMES                  ISSUER     FROM\n\
             web1  a               7  a.test b.test          E1\\x1b[2J  certbot\n\
             web1  b               ?  there is no such file             file\n"
        );
        assert!(text(&all, 8, None).contains("\x1b[") && !plain(&text(&all, 8, None)).contains('\x1b'));
        let lines: Vec<String> = events(&all, Some(8)).into_iter().map(|(name, fields)| crate::report::json::line(name, fields)).collect();
        assert_eq!(
            lines.concat(),
            "{\"version\":1,\"event\":\"certificate\",\"host\":\"web1\",\"certificate\":\"a\",\"file\":\"/a\",\"from\":\"certbot\",\"names\":[\"a.test\",\"b.test\"],\"issuer\":\"E1\\u001b[2J\",\"until\":\"2026-02-01T00:00:00Z\",\"days\":7,\"due\":true}\n\
             {\"version\":1,\"event\":\"certificate\",\"host\":\"web1\",\"certificate\":\"b\",\"file\":\"/b\",\"from\":\"file\",\"message\":\"there is no such file\",\"due\":true}\n"
        );
    }
}
