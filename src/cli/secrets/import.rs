//! `hoist secrets import`: secrets from where they were before.

use std::path::PathBuf;

use super::store::Store;
use super::{Where, set};
use crate::cli::{Stop, ask};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::report;
use crate::secret::{Document, Secret, dotenv, learn, vault, yaml_lines};
use crate::yaml::{Entry, Node, Value};

/// Bring secrets over: from a .env file, or from files of Ansible Vault (whole ones, and `!vault` values among others)
///
/// With KEYs, only these are taken. `KEY=VALUE` sets one by hand and wins over the file. A secret that is there already
/// with another value stops the import, unless --replace is given. The file itself stays as it is.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// The file
    file: PathBuf,
    /// `env=NAME`, KEYs to take, KEY=VALUE to set by hand
    #[arg(value_name = "env=NAME [KEY] [KEY=VALUE]")]
    words: Vec<String>,
    /// It must be a file of Ansible Vault
    #[arg(long)]
    vault: bool,
    /// The password of Ansible Vault is the first line of this file; it is asked for when not given
    #[arg(long, value_name = "FILE")]
    vault_password_file: Option<PathBuf>,
    /// Take the whole file as the value of this KEY
    #[arg(long = "as", value_name = "KEY")]
    whole: Option<String>,
    /// Replace secrets that are there already
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    place: Where,
}

pub fn run(args: &Args) -> Result<(), Stop> {
    let (project, environment, words) = args.place.environment(&args.words)?;
    let store = Store::new(&project.layout, &environment)?;
    let name = args.file.display().to_string();
    let bytes = std::fs::read(&args.file).map_err(|error| Diagnostic::error(format!("{name} cannot be read: {error}")))?;
    let text = Secret::new(bytes).into_text().ok_or_else(|| {
        Diagnostic::error(format!("{name} is no text (UTF-8)")).help("a binary file is an asset: `hoist secrets encrypt FILE`")
    })?;
    let mut found = read(args, &name, text)?;
    select(&mut found, &words)?;
    for (key, _) in &found {
        set::name(key)?;
    }

    let (before, document) = set::open(&project, &store)?;
    let there = document.parse(&store.what())?;
    let differs: Vec<&str> = found
        .iter()
        .filter(|(key, value)| there.get(key).is_some_and(|old| old.to_json() != value.to_json()))
        .map(|(key, _)| key.as_str())
        .collect();
    if !differs.is_empty() && !args.replace {
        return Err(Diagnostic::error(format!("there already, with other values: {}", differs.join(", ")))
            .help("nothing was imported; --replace takes the new ones")
            .into());
    }
    let mut new = Document::of(document.text().to_string());
    let mut taken = Vec::new();
    for (key, value) in &found {
        if there.get(key).is_none_or(|old| old.to_json() != value.to_json()) {
            new = new.with_lines(key, &yaml_lines(key, value), &store.what())?;
            taken.push(key.as_str());
        }
    }
    set::put(&store, before.as_deref(), &document, &new, &format!("imported {}", taken.join(", ")))?;
    doubles(&project.layout, &store, &found);
    Ok(())
}

type Found = Vec<(String, Node)>;

fn read(args: &Args, name: &str, text: Secret<String>) -> Result<Found, Diagnostics> {
    let text_node = |text: &str| {
        learn(text);
        Node::new(Value::String(text.to_string()), crate::diagnostic::Span::whole(&crate::diagnostic::Source::new(name, "")))
    };
    if let Some(key) = &args.whole {
        let content = if vault::is_vault(text.expose()) { open(args, name, text.expose())? } else { text };
        return Ok(vec![(key.clone(), text_node(content.expose()))]);
    }
    if vault::is_vault(text.expose()) {
        let content = open(args, name, text.expose())?;
        let node = Document::of(content.expose().clone()).parse(name).map_err(|problems| {
            let mut problems = problems;
            problems.push(
                Diagnostic::error(format!("what is inside of {name} is no file of variables"))
                    .help("take all of it as one secret: --as KEY"),
            );
            problems
        })?;
        return Ok(node.entries().iter().map(|entry| (entry.key.clone(), entry.node.clone())).collect());
    }
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    if text.expose().contains(vault::MARK) {
        return inline(args, name, text.expose());
    }
    if args.vault {
        return Err(Diagnostic::error(format!("nothing in {name} is encrypted with Ansible Vault")).into());
    }
    if yaml {
        let node = Document::of(text.expose().clone()).parse(name)?;
        return Ok(node.entries().iter().map(|entry| (entry.key.clone(), entry.node.clone())).collect());
    }
    Ok(dotenv::parse(text.expose(), name)?.into_iter().map(|(key, value)| (key, text_node(&value))).collect())
}

/// The `!vault` values of a file of variables; plain ones stay where they are.
fn inline(args: &Args, name: &str, text: &str) -> Result<Found, Diagnostics> {
    let node = Document::of(text.to_string()).parse(name)?;
    let password = password(args, name, None)?;
    let mut problems = Diagnostics::new();
    let mut found = Vec::new();
    for Entry { key, node, .. } in node.entries() {
        match opened(node, &password) {
            Ok(None) => {}
            Ok(Some(node)) => found.push((key.clone(), node)),
            Err(why) => problems.push(Diagnostic::error(format!("`{key}` in {name}: {}", words(&why)))),
        }
    }
    problems.or(found)
}

/// The value with everything in it decrypted; `None` when nothing in it is encrypted.
fn opened(node: &Node, password: &Secret<String>) -> Result<Option<Node>, vault::VaultError> {
    let value = match &node.value {
        Value::String(text) if vault::is_vault(text) => {
            let plain = vault::decrypt(text, password)?.into_text().ok_or(vault::VaultError::Damaged("what is inside is no text"))?;
            learn(plain.expose());
            Some(Value::String(plain.expose().clone()))
        }
        Value::Sequence(items) => {
            let new = items.iter().map(|item| opened(item, password)).collect::<Result<Vec<_>, _>>()?;
            let any = new.iter().any(Option::is_some);
            any.then(|| Value::Sequence(new.into_iter().zip(items).map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect()))
        }
        Value::Mapping(entries) => {
            let new = entries.iter().map(|entry| opened(&entry.node, password)).collect::<Result<Vec<_>, _>>()?;
            let any = new.iter().any(Option::is_some);
            let entry = |(new, old): (Option<Node>, &Entry)| Entry { node: new.unwrap_or_else(|| old.node.clone()), ..old.clone() };
            any.then(|| Value::Mapping(new.into_iter().zip(entries).map(entry).collect()))
        }
        _ => None,
    };
    Ok(value.map(|value| Node { value, ..node.clone() }))
}

fn open(args: &Args, name: &str, text: &str) -> Result<Secret<String>, Diagnostics> {
    let password = password(args, name, vault::label(text))?;
    let plain = vault::decrypt(text, &password).map_err(|why| Diagnostic::error(format!("{name}: {}", words(&why))))?;
    Ok(plain.into_text().ok_or_else(|| Diagnostic::error(format!("what is inside of {name} is no text (UTF-8)")))?)
}

fn words(why: &vault::VaultError) -> String {
    match why {
        vault::VaultError::NotVault => "this is not encrypted with Ansible Vault".into(),
        vault::VaultError::Version(head) => format!("this kind of Ansible Vault is not known: {head}"),
        vault::VaultError::Damaged(how) => format!("this text of Ansible Vault is damaged: {how}"),
        vault::VaultError::WrongPassword => "the password is not the one it was encrypted with, or it was changed".into(),
    }
}

fn password(args: &Args, name: &str, label: Option<&str>) -> Result<Secret<String>, Diagnostic> {
    if let Some(file) = &args.vault_password_file {
        let text = std::fs::read_to_string(file).map(Secret::new);
        let text = text.map_err(|error| Diagnostic::error(format!("{} cannot be read: {error}", file.display())))?;
        // Ansible strips the whole file.
        return Ok(Secret::new(text.expose().trim().to_string()));
    }
    let label = label.map(|label| format!(" ({label})")).unwrap_or_default();
    ask::secret(&format!("Password of Ansible Vault{label} for {name}: ")).ok_or_else(|| {
        Diagnostic::error("the password of Ansible Vault is needed, and nobody is there to type it")
            .help("put it into a file: --vault-password-file FILE")
    })
}

/// Keeps what the words ask for, and sets what they set.
fn select(found: &mut Found, words: &[String]) -> Result<(), Diagnostic> {
    let keys: Vec<&str> = words.iter().filter(|word| !word.contains('=')).map(String::as_str).collect();
    if let Some(unknown) = keys.iter().find(|key| found.iter().all(|(found, _)| found != *key)) {
        let known: Vec<&str> = found.iter().map(|(key, _)| key.as_str()).collect();
        return Err(Diagnostic::error(format!("there is no `{unknown}` in the file")).suggest(unknown, known));
    }
    if !keys.is_empty() {
        found.retain(|(key, _)| keys.contains(&key.as_str()));
    }
    for (key, value) in words.iter().filter_map(|word| word.split_once('=')) {
        learn(value);
        let node = Node::new(Value::String(value.to_string()), crate::diagnostic::Span::whole(&crate::diagnostic::Source::new("", "")));
        match found.iter_mut().find(|(found, _)| found == key) {
            Some((_, old)) => *old = node,
            None => found.push((key.to_string(), node)),
        }
    }
    Ok(())
}

/// Points at plain variables of the same names, which must go now.
fn doubles(layout: &crate::project::Layout, store: &Store<'_>, found: &Found) {
    let mut problems = Diagnostics::new();
    let Some(mut environment) = crate::project::Environment::load(layout, &store.environment, &mut Diagnostics::new()) else { return };
    let span = crate::diagnostic::Span::whole(&crate::diagnostic::Source::new(store.what(), ""));
    let entries = found.iter().map(|(key, node)| Entry { key: key.clone(), key_span: span.clone(), node: node.clone() }).collect();
    environment.set_secrets(&Node::new(Value::Mapping(entries), span), &store.what(), &mut problems);
    for problem in problems.iter() {
        if let Some((place, _)) = problem.labels.first() {
            report::note(&format!("take this line out now, as the secret takes its place: {place}"));
        }
    }
}
