//! One run. `host` takes one host from its first answer to the last handler, `fleet` takes all of them side by side;
//! what happens on the way goes out as `Event`s. Only this room holds connections.

mod apply;
mod aside;
pub mod certificates;
mod crew;
mod deadline;
mod event;
mod facts;
#[cfg(debug_assertions)]
mod fault;
mod fleet;
pub mod history;
mod host;
mod interrupt;
mod job;
mod journal;
mod once;
mod outcome;
mod plan;
mod pool;
mod privilege;
mod questions;
mod result;
mod rolling;
#[cfg(test)]
pub mod sample;
mod session;
mod step;
mod stream;
mod switch;
mod worker;
mod wrap;

pub use crew::{Crew, Extra, host_inputs};
pub use deadline::Limits;
pub use event::{About, Event, Events, Phase};
pub use facts::{Facts, sample as sample_facts};
pub use fleet::{Connect, Fleet, Pong, Previewed};
pub use host::{PlayPreview, Preview, Target};
pub use interrupt::Interrupt;
pub use job::{Job, Play, RoleCall};
pub use outcome::{HostFailure, HostReport};
pub use plan::{Planned, Verdict, plan};
pub use pool::side_by_side;
pub use privilege::{Method, Privilege};
pub use result::{StepResult, StepStatus};
pub use rolling::{Rolling, Size};
pub use session::Session;
pub use step::{Handler, PlaySteps, Step};
pub use stream::Heard;
pub use worker::Orders;

use crate::diagnostic::Diagnostics;

/// Settles everything that `job` would do on `target`, with the facts of a host that does not exist: contacts nothing.
/// Returns how many steps there are.
///
/// # Errors
/// Every mistake in its tasks, templates and variables.
pub fn check(job: &Job<'_>, target: &Target<'_>) -> Result<usize, Diagnostics> {
    let plays = host::settle(job, target, &sample_facts())?;
    Ok(plays.iter().map(|(_, play)| play.steps.len()).sum())
}
