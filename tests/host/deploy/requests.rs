//! Nobody notices a deploy: requests through nginx while releases come and go; at full speed in `make slow`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::shop::{Shop, get};

/// Between two requests of a customer. Other tests want the processors, too.
const PAUSE: Duration = Duration::from_millis(15);

/// Asks until it is told to stop.
pub struct Customers {
    stop: Arc<AtomicBool>,
    counts: Arc<Mutex<BTreeMap<String, usize>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Customers {
    /// So many for each host. Each request has a connection of its own. Counts the answers, and whatever else there is in place of one.
    pub fn come(shop: &Shop, threads: usize) -> Self {
        Self::ask(shop, threads, "/", PAUSE)
    }

    fn ask(shop: &Shop, threads: usize, path: &'static str, pause: Duration) -> Self {
        let (stop, counts) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeMap::new())));
        let ips: Vec<String> = shop.machines.iter().flat_map(|machine| std::iter::repeat_n(machine.ip.clone(), threads)).collect();
        let ask = |ip: String| {
            let (stop, counts) = (stop.clone(), counts.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = match get(&ip, path) {
                        Ok((200, text)) => text.trim().to_string(),
                        other => format!("FAILED: {other:?}"),
                    };
                    *counts.lock().expect("no thread panics").entry(answer).or_insert(0) += 1;
                    std::thread::sleep(pause);
                }
            })
        };
        let threads = ips.into_iter().map(ask).collect();
        Self { stop, counts, threads }
    }

    /// What they were answered, and how often.
    pub fn leave(self) -> BTreeMap<String, usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("no thread panics"));
        let counts = self.counts.lock().expect("no thread panics").clone();
        println!("answers: {counts:?}");
        counts
    }
}

fn no_request_is_lost(deploys: usize, rollbacks: usize, threads: usize, pause: Duration) {
    let Some(shop) = Shop::up(3) else { return };
    shop.settings(
        "app_processes:
  web: { command: python3 server.py $PORT, port: 8000, health: { path: /health }, drain: 20, stop_timeout: 5, environment: { SLOW_START: 3 } }
  worker: { command: node worker.js, startsecs: 1, stop_timeout: 5 }
",
    );
    shop.deploy("v0");
    let mut expected = vec!["v0".to_string()];
    let customers = Customers::ask(&shop, threads, "/", pause);
    // One request that takes longer than a switch is always under way.
    let slow = Customers::ask(&shop, 1, "/slow", pause);
    for number in 1..=deploys {
        let version = format!("v{number}");
        let run = shop.deploy(&version);
        println!("{}", run.stdout.lines().last().unwrap_or_default());
        expected.push(version);
        if number > deploys - rollbacks {
            let run = shop.hoist(&["rollback", "env=test", "--yes"]);
            assert_eq!(run.status, 0, "{run}");
            println!("{}", run.stdout.lines().last().unwrap_or_default());
            assert_eq!(shop.answers("/"), shop.each(&format!("v{}", deploys - rollbacks)), "{run}");
        }
    }
    let counts = customers.leave();
    assert!(counts.keys().all(|answer| expected.contains(answer)), "{counts:?}");
    assert!(expected.iter().all(|version| counts.contains_key(version)), "each was seen: {counts:?}");
    let slow = slow.leave();
    assert!(slow.keys().all(|answer| expected.contains(answer)), "{slow:?}");
    let seen = shop.machines[0].sh("cut -d' ' -f1 /srv/shop/shared/media/seen | sort -u | wc -l");
    assert_eq!(seen.trim(), expected.len().to_string(), "a worker of each version worked");
}

// G12
#[test]
fn no_request_is_lost_while_releases_come_and_go() {
    no_request_is_lost(2, 1, 2, PAUSE);
}

// G12
#[test]
#[ignore = "takes minutes"]
fn no_request_is_lost_in_twenty_deploys_and_five_rollbacks() {
    no_request_is_lost(20, 5, 2, Duration::ZERO);
}
