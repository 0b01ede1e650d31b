//! `hoist secrets generate`: a random secret.

use super::store::Store;
use super::{Where, no_more, set};
use crate::cli::Stop;
use crate::report;
use crate::secret::{Alphabet, generate};

/// Set a secret to random characters, unless it is there already
///
/// A secret that is there stays as it is, so that running it again does no harm; --replace makes a new one.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// Its name
    key: String,
    /// `env=NAME`
    #[arg(value_name = "env=NAME")]
    words: Vec<String>,
    /// How many characters
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    length: u16,
    /// Of 0-9 and a-f
    #[arg(long, conflicts_with = "urlsafe")]
    hex: bool,
    /// Of letters, digits, `-` and `_`
    #[arg(long)]
    urlsafe: bool,
    /// Make a new one where there is one already
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    place: Where,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    let (project, environment, others) = args.place.environment(&args.words)?;
    no_more(&others)?;
    set::name(&args.key)?;
    let store = Store::new(&project.layout, &environment)?;
    let (before, document) = set::open(&project, &store)?;
    if document.keys(&store.what())?.contains(&args.key) && !args.replace {
        report::line(&format!("{} is there already and stays as it is", args.key));
        return Ok(());
    }
    let alphabet = match (args.hex, args.urlsafe) {
        (true, _) => Alphabet::Hex,
        (_, true) => Alphabet::UrlSafe,
        _ => Alphabet::Letters,
    };
    let value = generate(alphabet, args.length.into());
    if value.bits < 80 {
        report::note(&format!("{} random bits can be guessed by somebody who tries them all; 20 characters are safe", value.bits));
    }
    let new = document.with(&args.key, value.text.expose(), &store.what())?;
    // Of two that run at once one is refused, for the file moved since it was read: there is never a second value.
    set::put(&store, before.as_deref(), &document, &new, &format!("generated {}", args.key))
}
