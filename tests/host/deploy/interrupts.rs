//! Ctrl-C, once and twice, in each phase of a deploy: what was live is live again on all hosts, and nothing else runs.

use std::process::{Command, Stdio};

use super::kills::{AGAIN, GO, QUICK, slow};
use super::shop::Shop;
use crate::machine::{signal, text};

const UNTOUCHED: &str = "not deployed: what was live still is";
const BACK: &str = "rolled back: every host is back at what was live";

/// Deploys what was committed last, and interrupts so many times while these hosts are at the step that waits.
fn interrupted(shop: &Shop, times: usize, hosts: usize) -> String {
    let child = Command::new("env")
        .args(["--default-signal", env!("CARGO_BIN_EXE_hoist"), "deploy", "env=test", "--yes", "--from-local"])
        .current_dir(shop.project.folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hoist starts");
    let at_work = &shop.machines[..hosts];
    at_work.iter().for_each(|machine| machine.wait_for("/tmp/here"));
    signal(&child, "INT");
    at_work.iter().for_each(|machine| machine.wait_for("/var/lib/hoist/stage/stop"));
    if times > 1 {
        signal(&child, "INT");
    } else {
        shop.sh(GO);
    }
    let output = child.wait_with_output().expect("it ends");
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(130), "{said}");
    said
}

#[test]
fn a_deploy_that_is_interrupted_in_any_phase_leaves_live_what_was_and_nothing_running() {
    let Some(shop) = Shop::up(2) else { return };
    shop.settings(QUICK);
    shop.deploy("start");
    let mut before = "start".to_string();
    let phases = [("build", 2, UNTOUCHED), ("before_migrate", 1, UNTOUCHED), ("before_switch", 2, UNTOUCHED), ("after_switch", 2, BACK)];
    for (moment, hosts, outcome) in phases {
        for times in [1, 2] {
            let name = format!("{moment}-{times}");
            shop.settings(&slow(moment));
            shop.commit(&name);
            let said = interrupted(&shop, times, hosts);
            assert!(said.contains(outcome), "{name}: {said}");
            assert_eq!((shop.answers("/"), shop.current()), (shop.each(&before), shop.each(&before)), "{name}: {said}");
            shop.is_tidy();
            shop.settings(QUICK);
            let run = shop.try_deploy(&["--lock-wait=30"]);
            assert_eq!((run.status, shop.answers("/")), (0, shop.each(&name)), "{name}: {run}");
            shop.is_tidy();
            shop.sh(AGAIN);
            before = name;
        }
    }
}
