//! `hoist maintenance`: a page that says so, in place of the sites.

use super::{Outcome, provision};

/// Show a maintenance page in place of the sites, or stop showing it
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// Whether it is shown
    #[arg(value_parser = ["on", "off"])]
    state: String,
    #[command(flatten)]
    rest: provision::Args,
    /// What the page says, as HTML: write `&lt;` for `<`
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
}

pub fn run(args: &Args) -> Outcome {
    let mut rest = args.rest.clone();
    rest.words.words.extend(args.message.iter().map(|message| format!("maintenance_message={message}")));
    provision::provision(&rest, if args.state == "on" { "maintenance_on" } else { "maintenance_off" })
}
