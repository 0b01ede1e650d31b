//! Which release comes next, and on which hosts. Pure.

use super::ledger::{Release, State};
use super::look::HostState;
use super::release::ReleaseId;

/// A host and what it has.
pub type Seen = (String, HostState);

/// What a deploy of a commit comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The release.
    pub id: ReleaseId,
    /// The hosts that get it: the others have it live.
    pub hosts: Vec<String>,
}

/// A release of `commit` for these hosts. `differs` says whether a host that has the commit live would get anything else
/// today: its environment, its processes. When nobody needs it, no host is named.
pub fn deploy(hosts: &[Seen], commit: &str, differs: &dyn Fn(&str) -> bool) -> Choice {
    let has = |(name, state): &&Seen| {
        let live = state.live.as_ref().and_then(|id| state.ledger.get(id));
        // One that was switched to and never found good was interrupted: it is made anew.
        live.is_some_and(|release| release.commit == commit && release.state == State::Good) && !differs(name)
    };
    // Also where a ledger was lost: nothing is made in the folder of what is there.
    let known = |state: &HostState| {
        let ledger = state.ledger.releases.iter().map(|release| release.id.number());
        ledger.chain(state.live.iter().chain(&state.kept).map(ReleaseId::number)).max()
    };
    let next = hosts.iter().filter_map(|(_, state)| known(state)).max().unwrap_or(0) + 1;
    let mut there: Vec<&ReleaseId> = hosts.iter().filter(has).filter_map(|(_, state)| state.live.as_ref()).collect();
    there.dedup();
    let wanting: Vec<String> = hosts.iter().filter(|host| !has(host)).map(|(name, _)| name.clone()).collect();
    // A host that comes later gets the release that the others have, by its name; unless it has had it and lost it.
    let shared = match there[..] {
        [id] if hosts
            .iter()
            .filter(|host| !has(host))
            .all(|(_, state)| state.ledger.get(id).is_none() && state.live.as_ref() != Some(id)) =>
        {
            Some(id.clone())
        }
        _ => None,
    };
    Choice { id: shared.unwrap_or_else(|| ReleaseId::new(next, commit)), hosts: wanting }
}

/// Where a rollback goes: to `wanted`, or to the last good release before the live one, which must be the same on every host.
///
/// # Errors
/// In words: there is none, or hosts differ.
pub fn rollback(hosts: &[Seen], wanted: Option<&ReleaseId>) -> Result<ReleaseId, String> {
    let target = match wanted {
        Some(id) => id.clone(),
        None => {
            let mut targets: Vec<(Option<&ReleaseId>, Vec<&str>)> = Vec::new();
            for (name, state) in hosts {
                let target = state.live.as_ref().and_then(|live| state.ledger.before(live)).map(|release| &release.id);
                match targets.iter_mut().find(|(known, _)| *known == target) {
                    Some((_, names)) => names.push(name),
                    None => targets.push((target, vec![name])),
                }
            }
            match &targets[..] {
                [(Some(id), _)] => (*id).clone(),
                [(None, _)] => return Err("there is no good release before the live one".to_string()),
                several => {
                    let each =
                        several.iter().map(|(id, names)| format!("{} on {}", id.map_or("none", ReleaseId::as_str), names.join(", ")));
                    return Err(format!("the last good release is not the same on every host: {}", each.collect::<Vec<_>>().join("; ")));
                }
            }
        }
    };
    let lacking: Vec<&str> = hosts.iter().filter(|(_, state)| !can_go_back(state, &target)).map(|(name, _)| name.as_str()).collect();
    if lacking.is_empty() {
        Ok(target)
    } else {
        Err(format!("{target} is not there any more, or was never complete, on {}", lacking.join(", ")))
    }
}

fn can_go_back(state: &HostState, target: &ReleaseId) -> bool {
    let good = |release: &Release| release.complete && release.state != State::Gone;
    state.ledger.get(target).is_some_and(good) && state.kept.contains(target)
}

/// The releases after a target that migrated the database, which a rollback leaves as it is. Also those that failed, and
/// that somebody went back from: what they did to it stands.
pub fn crossed<'a>(hosts: &'a [Seen], target: &ReleaseId) -> Vec<&'a ReleaseId> {
    let all = hosts.iter().flat_map(|(_, state)| &state.ledger.releases);
    let mut crossed: Vec<&ReleaseId> = all.filter(|release| release.migrated && release.id > *target).map(|release| &release.id).collect();
    crossed.sort();
    crossed.dedup();
    crossed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::sample::host;

    const A: &str = "aaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbb";

    #[test]
    fn all_hosts_get_the_same_number() {
        let hosts = [host("web1", Some("3-aaaaaaa"), &[("3-aaaaaaa", "good", A)]), host("web2", None, &[("7-bbbbbbb", "bad", B)])];
        let choice = deploy(&hosts, B, &|_| false);
        assert_eq!((choice.id.as_str(), choice.hosts.len()), ("8-bbbbbbb", 2));
    }

    #[test]
    fn nobody_gets_what_is_live_unless_something_else_differs() {
        let hosts = [host("web1", Some("3-aaaaaaa"), &[("3-aaaaaaa", "good", A)])];
        assert!(deploy(&hosts, A, &|_| false).hosts.is_empty());
        let again = deploy(&hosts, A, &|_| true);
        assert_eq!((again.id.as_str(), again.hosts.len()), ("4-aaaaaaa", 1));
    }

    // G12
    #[test]
    fn a_release_that_was_never_found_good_is_made_anew() {
        let hosts =
            [host("web1", Some("3-aaaaaaa"), &[("3-aaaaaaa", "live", A)]), host("web2", Some("2-bbbbbbb"), &[("3-aaaaaaa", "staged", A)])];
        let choice = deploy(&hosts, A, &|_| false);
        assert_eq!((choice.id.as_str(), choice.hosts.len()), ("4-aaaaaaa", 2));
    }

    #[test]
    fn a_release_that_is_live_on_a_host_without_a_ledger_is_not_made_again_in_its_folder() {
        let hosts = [host("web1", Some("3-aaaaaaa"), &[("3-aaaaaaa", "good", A)]), host("web2", Some("3-aaaaaaa"), &[])];
        let choice = deploy(&hosts, A, &|_| false);
        assert_eq!((choice.id.as_str(), choice.hosts), ("4-aaaaaaa", vec!["web2".to_string()]));
    }

    #[test]
    fn a_host_that_comes_later_gets_the_release_of_the_others() {
        let hosts = [host("web1", Some("3-aaaaaaa"), &[("3-aaaaaaa", "good", A)]), host("web2", None, &[])];
        let choice = deploy(&hosts, A, &|_| false);
        assert_eq!((choice.id.as_str(), choice.hosts), ("3-aaaaaaa", vec!["web2".to_string()]));
    }

    // G15
    #[test]
    fn a_rollback_goes_to_the_same_release_everywhere_or_nowhere() {
        let lines = [("1-aaaaaaa", "good", A), ("2-bbbbbbb", "good", B)];
        let hosts = [host("web1", Some("2-bbbbbbb"), &lines), host("web2", Some("2-bbbbbbb"), &lines)];
        assert_eq!(rollback(&hosts, None).map(|id| id.to_string()), Ok("1-aaaaaaa".to_string()));
        let odd = [host("web1", Some("2-bbbbbbb"), &lines), host("web2", Some("2-bbbbbbb"), &lines[1..])];
        assert!(rollback(&odd, None).is_err_and(|why| why.contains("none on web2")));
        let gone = [host("web1", Some("2-bbbbbbb"), &[("1-aaaaaaa", "gone", A), ("2-bbbbbbb", "good", B)])];
        assert!(rollback(&gone, ReleaseId::parse("1-aaaaaaa").as_ref()).is_err());
        assert!(rollback(&gone, None).is_err());
        // Somebody removed it by hand.
        let mut empty = hosts;
        empty[1].1.kept.clear();
        assert!(rollback(&empty, None).is_err_and(|why| why.ends_with("never complete, on web2")));
    }

    #[test]
    fn migrations_on_the_way_back_are_named() {
        let lines = [("1-aaaaaaa", "good", A), ("2-bbbbbbb", "migrated", B), ("2-bbbbbbb", "good", B)];
        let hosts = [host("web1", Some("2-bbbbbbb"), &lines)];
        let to = ReleaseId::parse("1-aaaaaaa").expect("an id");
        assert_eq!(crossed(&hosts, &to).len(), 1);
        assert_eq!(crossed(&hosts, &ReleaseId::parse("2-bbbbbbb").expect("an id")).len(), 0);
    }

    #[test]
    fn migrations_stand_also_where_their_release_failed_or_was_left() {
        let lines = [("1-aaaaaaa", "good", A), ("2-bbbbbbb", "good", B), ("3-ccccccc", "migrated", B), ("3-ccccccc", "bad", B)];
        let hosts = [host("web1", Some("2-bbbbbbb"), &lines)];
        let names: Vec<&str> = crossed(&hosts, &ReleaseId::parse("1-aaaaaaa").expect("an id")).iter().map(|id| id.as_str()).collect();
        assert_eq!(names, ["3-ccccccc"]);
    }

    // A ledger that was lost must not make a new release in the folder of one that is there.
    #[test]
    fn a_number_that_a_host_has_is_not_given_again_whatever_its_ledger_says() {
        let lost = [host("web1", Some("1-aaaaaaa"), &[])];
        assert_eq!(deploy(&lost, A, &|_| false).id.as_str(), "2-aaaaaaa");
        let mut kept = [host("web1", None, &[])];
        kept[0].1.kept.extend(ReleaseId::parse("4-aaaaaaa"));
        assert_eq!(deploy(&kept, A, &|_| false).id.as_str(), "5-aaaaaaa");
    }
}
