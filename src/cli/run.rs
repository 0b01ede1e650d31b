//! `hoist run`: a verb of the roles other than `provision`.

use super::{Outcome, provision};

/// Run a verb of the roles, such as `initdata`: show what would change, ask, do it
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// The verb, as it stands in the roles
    verb: String,
    #[command(flatten)]
    rest: provision::Args,
}

pub fn run(args: &Args) -> Outcome {
    provision::provision(&args.rest, &args.verb)
}
