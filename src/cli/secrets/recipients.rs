//! `hoist secrets recipients`: who can read the secrets of an environment.

use std::path::Path;

use super::store::{self, Store};
use super::{Where, no_more, rekey};
use crate::cli::{Stop, ask};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report;
use crate::secret::{Identities, Recipient};

/// Who can read the secrets of an environment: list them, add somebody, take somebody out
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// List who can read the secrets
    List {
        /// `env=NAME`
        #[arg(value_name = "env=NAME")]
        words: Vec<String>,
        #[command(flatten)]
        place: Where,
    },
    /// Add somebody, and encrypt every file of the environment anew
    ///
    /// A KEY is `age1...`, the line of an ssh-ed25519 or ssh-rsa .pub file (in quotes), the path of such a file, or
    /// `github:NAME` for the SSH keys of a GitHub user, which are shown first.
    Add {
        /// `env=NAME`, and the KEY
        #[arg(value_name = "env=NAME KEY", required = true)]
        words: Vec<String>,
        /// Whose key it is, for the comment
        #[arg(long)]
        name: Option<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        place: Where,
    },
    /// Take somebody out, encrypt every file anew, and list what they could read
    Remove {
        /// `env=NAME`, and the KEY or the name of the person
        #[arg(value_name = "env=NAME WHO", required = true)]
        words: Vec<String>,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
        #[command(flatten)]
        place: Where,
    },
}

pub fn run(args: &Args) -> Result<(), Stop> {
    match &args.command {
        Command::List { words, place } => {
            let (project, environment, others) = place.environment(words)?;
            no_more(&others)?;
            let all = Store::new(&project.layout, &environment)?.recipients()?;
            report::table(&["WHO", "KEY"], all.iter().map(|one| vec![one.name.clone().unwrap_or_default(), one.text.clone()]).collect());
        }
        Command::Add { words, name, yes, place } => {
            let (project, environment, keys) = place.environment(words)?;
            let store = Store::new(&project.layout, &environment)?;
            let keys = wanted(&keys, &project.config.settings.github_url)?;
            let keys: Vec<Recipient> = keys.into_iter().map(|key| name.iter().fold(key, |key, name| key.named(name))).collect();
            add(&store, project.identities()?, &keys, *yes)?;
        }
        Command::Remove { words, yes, place } => {
            let (project, environment, who) = place.environment(words)?;
            let [who] = &who[..] else {
                return Err(Diagnostic::error("who is to be taken out?").help("write the key or the name, as `list` shows it").into());
            };
            remove(&Store::new(&project.layout, &environment)?, project.identities()?, who, *yes)?;
        }
    }
    Ok(())
}

/// Makes recipients.txt with the user's own key, when an environment has neither it nor secrets yet.
///
/// # Errors
/// There is no key to begin with, or it cannot be written.
pub fn ensure(store: &Store<'_>, identities: &Identities) -> Result<(), Diagnostics> {
    let file = store.file("recipients.txt");
    if store.on_disk("recipients.txt").exists() || store.bytes()?.is_some() {
        return Ok(());
    }
    let own = identities.recipients();
    let Some(own) = own.first() else {
        return Err(Diagnostic::error(format!("there is no {} yet, and you have no key to begin it with", file.display()))
            .help("`hoist secrets keygen` makes one")
            .into());
    };
    let user = std::env::var("USER").unwrap_or_else(|_| "me".to_string());
    let text = format!(
        "# Who can read the secrets of this environment: the format of `age -R`.\n{}",
        Recipient::parse(&own.text).map_err(|(why, _)| Diagnostic::error(why))?.named(user).lines()
    );
    store::write(&store.on_disk("recipients.txt"), &file.display().to_string(), None, text.as_bytes())?;
    report::line(&format!("wrote {} with your key, {}", file.display(), own.short()));
    Ok(())
}

/// The keys that words mean.
fn wanted(words: &[String], github: &str) -> Result<Vec<Recipient>, Diagnostics> {
    let mut problems = Diagnostics::new();
    // `ssh-ed25519 AAAA... name` without quotes comes as several words.
    let joined = words.join(" ");
    let words: Vec<String> = if joined.starts_with("ssh-") { vec![joined] } else { words.to_vec() };
    if words.is_empty() {
        problems.push(
            Diagnostic::error("whose key is to be added?")
                .help("write `age1...`, `\"ssh-ed25519 ...\"`, the path of a .pub file, or `github:NAME`"),
        );
    }
    let mut keys = Vec::new();
    for word in &words {
        if let Some(user) = word.strip_prefix("github:") {
            keys.extend(problems.take(super::github::keys(github, user)).unwrap_or_default());
            continue;
        }
        let line = match std::fs::read_to_string(word) {
            Ok(text) if Path::new(word).is_file() => text.trim().to_string(),
            _ => word.clone(),
        };
        match Recipient::parse(&line) {
            Ok(key) => keys.push(key),
            Err((summary, help)) => {
                problems.push(help.into_iter().fold(Diagnostic::error(format!("{summary}: {}", shortened(word))), Diagnostic::help))
            }
        }
    }
    problems.or(keys)
}

fn shortened(word: &str) -> String {
    if word.contains("SECRET") || word.contains("PRIVATE") { "(not shown)".to_string() } else { word.chars().take(60).collect() }
}

fn add(store: &Store<'_>, identities: &Identities, keys: &[Recipient], yes: bool) -> Result<(), Stop> {
    let file = store.file("recipients.txt").display().to_string();
    let path = store.on_disk("recipients.txt");
    let before = std::fs::read(&path).ok();
    let there = if before.is_some() { store.recipients()? } else { Vec::new() };
    let new: Vec<&Recipient> = keys.iter().filter(|key| there.iter().all(|other| other.text != key.text)).collect();
    if new.is_empty() {
        report::line("can read the secrets already");
        return Ok(());
    }
    for key in &new {
        report::line(&format!("new: {} {}", key.name.as_deref().unwrap_or("(no name)"), key.text));
    }
    if !yes && store.bytes()?.is_some() {
        agreed(&format!("Let {} read all secrets of {}?", if new.len() == 1 { "this key" } else { "these keys" }, store.environment))?;
    }
    let mut text = String::from_utf8_lossy(&before.clone().unwrap_or_default()).into_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend(new.iter().map(|key| key.lines()));
    rekey::change(store, identities, before.as_deref(), &text, &file)?;
    Ok(())
}

fn remove(store: &Store<'_>, identities: &Identities, who: &str, yes: bool) -> Result<(), Stop> {
    let file = store.file("recipients.txt").display().to_string();
    let all = store.recipients()?;
    let goes: Vec<&Recipient> = all.iter().filter(|one| one.text == who || one.name.as_deref() == Some(who)).collect();
    if goes.is_empty() {
        let known: Vec<&str> = all.iter().filter_map(|one| one.name.as_deref()).collect();
        return Err(Diagnostic::error(format!("`{who}` is not among those who can read the secrets")).suggest(who, known).into());
    }
    if goes.len() == all.len() {
        return Err(Diagnostic::error("nobody would be left who can read the secrets").help("add somebody first").into());
    }
    let could = store.open(identities)?.map(|opened| opened.document.keys(&store.what())).transpose()?.unwrap_or_default();
    let assets = rekey::assets(store);
    for one in &goes {
        report::line(&format!("goes: {one}"));
    }
    if !yes {
        agreed(&format!("Take {who} out of {}?", store.environment))?;
    }
    let before = std::fs::read(store.on_disk("recipients.txt")).ok();
    let text = String::from_utf8_lossy(&before.clone().unwrap_or_default()).into_owned();
    rekey::change(store, identities, before.as_deref(), &without(&text, &goes), &file)?;
    report::line("what was encrypted so far can be read with the old key for ever: change these where they are used");
    could.iter().for_each(|key| report::line(&format!("  {key}")));
    assets.iter().for_each(|path| report::line(&format!("  {}", path.display())));
    Ok(())
}

/// The lines of a recipients file without some keys, and without the comment that names each.
fn without(text: &str, goes: &[&Recipient]) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for line in text.lines() {
        if !goes.iter().any(|one| line.trim().starts_with(&one.text)) {
            kept.push(line);
            continue;
        }
        let named = |comment: &str| {
            goes.iter().any(|one| one.name.as_deref().is_some_and(|name| comment.strip_prefix('#').is_some_and(|text| text.trim() == name)))
        };
        if kept.last().is_some_and(|last| named(last.trim())) {
            kept.pop();
        }
    }
    kept.iter().map(|line| format!("{line}\n")).collect()
}

fn agreed(question: &str) -> Result<(), Stop> {
    if !ask::possible() {
        return Err(Diagnostic::error("nobody is there to answer, so nothing was changed")
            .help("run it on a terminal, or with --yes")
            .into());
    }
    if ask::yes(question) {
        return Ok(());
    }
    report::line("nothing was changed");
    Err(Stop::Said(crate::cli::ExitCode::BadInput))
}
