//! A host whose verbs come one by one, led by a crew.

use super::mend::RECONNECT;
use super::{Orders, Worker};
use crate::engine::{HostFailure, PlayPreview, PlaySteps, Step, host, journal, plan};

impl<'a> Worker<'a> {
    /// Takes the lock; whether it has it.
    pub(in crate::engine) fn hold(&mut self) -> bool {
        if !self.over
            && let Err(failure) = self.prepare()
        {
            self.fail(failure);
        }
        !self.over
    }

    /// Whether its lock is ours, on a line that holds.
    pub(in crate::engine) fn holds(&self) -> bool {
        self.prepared && !matches!(self.report.failure, Some(HostFailure::Unknown(_)))
    }

    /// Plans steps, without doing anything.
    pub(in crate::engine) fn look(&mut self, plays: Vec<(usize, PlaySteps)>) -> Result<Vec<PlayPreview>, HostFailure> {
        let mut previews = Vec::new();
        for (play, steps) in plays {
            let all: Vec<&Step> = steps.steps.iter().collect();
            let reply = host::probe(&mut self.line.session, &all).map_err(HostFailure::Unreachable)?;
            let planned = plan(all.into_iter().enumerate(), reply);
            previews.push(PlayPreview { play, steps, planned });
        }
        Ok(previews)
    }

    /// Goes on after a failure, with other orders. A line that broke is mended first.
    pub(in crate::engine) fn revive(&mut self, orders: &'a Orders<'a>) {
        self.orders = orders;
        let lost = matches!(self.report.failure, Some(HostFailure::Unknown(_)));
        self.over = lost && self.mend(Some(RECONNECT)).is_err();
        if !self.over && self.prepared {
            // What told the steps to stop would stop those that put things back, too. A line that is gone shows itself there.
            let _ = self.mended(|worker| worker.line.session.ask(journal::go_on().text()));
        }
    }

    /// Whether this host goes on: nobody interrupted. Otherwise it has failed.
    pub(in crate::engine) fn goes_on(&mut self) -> bool {
        let interrupted = self.orders.interrupt.level() > 0;
        if interrupted && !self.over {
            self.fail(HostFailure::Interrupted);
        }
        !interrupted
    }
}
