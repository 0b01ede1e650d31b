//! An application and a plan made up for tests.

use serde_json::{Value as Json, json};

use super::app::App;
use super::choose::Seen;
use super::ledger::Ledger;
use super::look::HostState;
use super::plan::Plan;
use super::release::ReleaseId;
use super::version::Version;
use crate::engine::Rolling;

/// The shop, with these inputs over those that it has.
pub fn app(more: &Json) -> App {
    let mut inputs = json!({
        "app_name": "shop", "app_root": "/srv/shop", "app_user": "app", "app_repo": "", "git_version": "HEAD", "app_deploy_key": "",
        "app_accept_newhostkey": false, "app_migrate": "", "app_migrations": "", "app_processes": {}, "app_keep": 5,
        "app_local_hooks": {}, "app_notify": {},
    });
    let inputs = inputs.as_object_mut().expect("a mapping");
    inputs.extend(more.as_object().cloned().expect("a mapping"));
    App::read(inputs, &|_| None).expect("an app")
}

/// A host on which `live` is live, and whose ledger has these lines: a release, what became of it, its commit.
pub fn host(name: &str, live: Option<&str>, lines: &[(&str, &str, &str)]) -> Seen {
    let line = |(id, state, commit): &(&str, &str, &str)| format!("2026-11-20T10:00:00Z\t{id}\t{state}\t{commit}\tv1\tann\n");
    let ledger = Ledger::read(&lines.iter().map(line).collect::<String>());
    let kept = ledger.releases.iter().map(|release| release.id.clone()).collect();
    (name.to_string(), HostState { ledger, live: live.and_then(ReleaseId::parse), kept, ..HostState::default() })
}

/// A deploy of `2-ccccccc` to these hosts.
pub fn plan(hosts: Vec<Seen>) -> Plan {
    Plan {
        environment: "prod".to_string(),
        version: Version { commit: "c".repeat(40), reference: "v1".to_string(), ..Version::default() },
        id: ReleaseId::new(2, "ccccccc"),
        rollback: false,
        hosts,
        done: Vec::new(),
        who: "ann".to_string(),
        rolling: Rolling::default(),
        maintenance: false,
        archive: None,
    }
}
