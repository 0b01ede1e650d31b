//! Which environment, which hosts, which variables: the words that most commands take.

use std::path::PathBuf;

use crate::diagnostic::{Diagnostic, Diagnostics, Source, Span, suggest};
use crate::project::{Definition, Layout, Pattern, variables};

/// Words that pick an environment and set variables.
#[derive(clap::Args, Debug, Clone, Default)]
#[group(skip)]
pub struct Words {
    /// The environment (the same as `env=NAME`)
    #[arg(short = 'e', long = "env", value_name = "NAME")]
    pub env: Option<String>,

    /// `env=NAME`, and `name=value` to set a variable
    #[arg(value_name = "name=value")]
    pub words: Vec<String>,

    /// Open secrets with the private key in this file
    #[arg(long, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
}

/// Words that pick hosts.
#[derive(clap::Args, Debug, Clone, Default)]
#[group(skip)]
pub struct Hosts {
    /// Only these hosts: names, groups, globs; `,` joins, `&` keeps what is in both, `!` leaves out
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,

    /// Hosts worked on at the same time; else `forks` of hoist.yml says it, or 50
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub forks: Option<u16>,

    /// Record the host key of a host that was never seen before (a changed key always stops)
    #[arg(long)]
    pub accept_new: bool,

    /// Ask for the password with which the login user becomes root, once for all hosts
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
}

/// Words that pick tasks.
#[derive(clap::Args, Debug, Clone, Default)]
#[group(skip)]
pub struct Tags {
    /// Only tasks with one of these tags; the name of a role is a tag of all its tasks
    #[arg(short, long, value_name = "TAG", value_delimiter = ',')]
    pub tags: Vec<String>,
}

impl Words {
    /// The environment that is meant, and the variables.
    ///
    /// # Errors
    /// No environment, or two; a word that is no `name=value`.
    pub fn settle(&self) -> Result<(String, Vec<Definition>), Diagnostics> {
        let (env, definitions) = self.optional()?;
        let slip = definitions.iter().find(|definition| suggest::closest(&definition.name, ["env", "environment"]).is_some());
        let missing = || {
            let error = Diagnostic::error("which environment?");
            let error = slip.into_iter().fold(error, |error, slip| error.at(&slip.key_span).help("did you mean `env`?"));
            let known = std::env::current_dir().ok().and_then(|here| Layout::find(&here).ok()?.environments().ok()).unwrap_or_default();
            let there = if known.is_empty() { String::new() } else { format!("; there are: {}", known.join(", ")) };
            error
                .help(format!("name it: `env=NAME`{there}"))
                .help("no environment is the default, so that nothing happens to one by accident")
        };
        Ok((env.ok_or_else(missing)?, definitions))
    }

    /// The environment, if one is named, and the variables.
    ///
    /// # Errors
    /// Two environments; a word that is no `name=value`.
    pub fn optional(&self) -> Result<(Option<String>, Vec<Definition>), Diagnostics> {
        let mut problems = Diagnostics::new();
        let (envs, others): (Vec<String>, Vec<String>) = self.words.iter().cloned().partition(|word| word.starts_with("env="));
        let named: Vec<String> = self.env.iter().cloned().chain(envs.iter().map(|word| word["env=".len()..].to_string())).collect();
        if named.len() > 1 && named.iter().any(|name| *name != named[0]) {
            problems.push(
                Diagnostic::error(format!("two environments are named: {}", named.join(" and "))).help("a run works on one environment"),
            );
        }
        let definitions = variables::words(&others, &mut problems);
        problems.or((named.into_iter().next(), definitions))
    }
}

/// A pattern of the command line.
///
/// # Errors
/// It is no pattern.
pub fn pattern(text: &str, option: &str) -> Result<Pattern, Diagnostics> {
    let source = Source::new(variables::COMMAND_LINE, format!("{option} {text}"));
    Pattern::parse(text, &Span::new(&source, option.len() + 1, source.text().len()))
}
