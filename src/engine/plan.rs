//! What each step would do, given the host's answers and what the steps before it will have done. Pure.

use super::Step;
use crate::resource::{Action, Change, Probe, Reach, Reply, Subject, Unreadable};

/// What is known of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// All is as wanted.
    Same,
    /// This will be done.
    Change(Change),
    /// Read again after a change before it that may move things; as things stand, this would be done.
    Perhaps(Change),
    /// Read again after a change before it that may move things; as things stand, nothing.
    PerhapsSame,
    /// Can only be read after a change before it (a service whose package is not there yet).
    Later(Unreadable),
    /// Nothing sensible can be done.
    Failed(Unreadable),
    /// Another host does this for all (`run_once`).
    Elsewhere,
}

/// A step with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Its index among the steps.
    pub step: usize,
    /// What is known of it.
    pub verdict: Verdict,
}

/// Plans `steps` in order. `reply` answers their probes; what a planned change leaves is assumed for the later ones.
pub fn plan<'a>(steps: impl IntoIterator<Item = (usize, &'a Step)>, mut reply: Reply) -> Vec<Planned> {
    let mut moved: Vec<Subject> = Vec::new();
    let mut known: Vec<Subject> = Vec::new();
    let mut planned = Vec::new();
    for (index, step) in steps {
        let mut probe = Probe::new();
        step.resource.probe(&mut probe);
        let unsure = probe.subjects().iter().any(|asked| {
            // A path whose state is known after an earlier step is answered from there; what only depends on it is not.
            let through = |change: &Subject| !matches!(asked, Subject::Path(_)) && change.reaches(asked);
            moved.iter().any(|change| change.reaches(asked)) || known.iter().any(through)
        });
        let verdict = match (step.resource.plan(&reply), unsure) {
            (Ok(None), false) => Verdict::Same,
            (Ok(None), true) => Verdict::PerhapsSame,
            (Ok(Some(change)), false) => Verdict::Change(change),
            (Ok(Some(change)), true) => Verdict::Perhaps(change),
            (Err(mut unreadable), true) => {
                match unreadable.would.take().map(|change| *change).or_else(|| in_folder(step, &reply, &unreadable)) {
                    Some(change) => Verdict::Perhaps(change),
                    None => Verdict::Later(unreadable),
                }
            }
            (Err(unreadable), false) => Verdict::Failed(unreadable),
        };
        if let Verdict::Change(change) | Verdict::Perhaps(change) = &verdict {
            for (path, state) in &change.after {
                reply.assume(path, state.clone());
                known.push(Subject::Path(path.clone()));
            }
            moved.extend(change.moves.iter().cloned());
            if step.resource.reach() == Reach::Wide {
                moved.push(Subject::Anything);
            }
        }
        if matches!(verdict, Verdict::Later(_)) && step.resource.reach() == Reach::Wide {
            moved.push(Subject::Anything);
        }
        planned.push(Planned { step: index, verdict });
    }
    planned
}

/// What a step would do if the folder were there that it misses: an earlier change (a package) is to bring it.
fn in_folder(step: &Step, reply: &Reply, unreadable: &Unreadable) -> Option<Change> {
    let folder = unreadable.folder.as_deref()?;
    let mut reply = reply.clone();
    reply.assume_folder(folder);
    let change = step.resource.plan(&reply).ok()??;
    Some(change.note("in a folder that an earlier change must bring"))
}

impl Verdict {
    /// The change that is sure to be done.
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Change(change) => Some(change),
            _ => None,
        }
    }

    /// Whether it must be probed again before anything is done about it.
    pub fn unsure(&self) -> bool {
        matches!(self, Self::Perhaps(_) | Self::PerhapsSame | Self::Later(_))
    }

    /// The verb of the change, sure or not.
    pub fn action(&self) -> Option<Action> {
        match self {
            Self::Change(change) | Self::Perhaps(change) => Some(change.action),
            _ => None,
        }
    }
}
