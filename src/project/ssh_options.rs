//! The options of `ssh` that an Ansible inventory gives (`ansible_ssh_common_args`): those that say how a host is
//! reached, taken apart.

use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Diagnostics, Span, suggest};

/// What the options say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshOptions {
    /// The configuration to read instead of the user's own (`-F`).
    pub file: Option<PathBuf>,
    /// `-o` and what is short for it, in order, their names in lower case.
    pub options: Vec<(String, String)>,
    /// `-A`.
    pub forward_agent: Option<bool>,
}

/// Options that hoist's own connections follow.
const FOLLOWED: [&str; 12] = [
    "forwardagent",
    "globalknownhostsfile",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "port",
    "proxycommand",
    "proxyjump",
    "user",
    "userknownhostsfile",
];

/// Options that hoist has its own way for, so that nothing is lost without them.
const NEEDLESS: [&str; 19] = [
    "batchmode",
    "compression",
    "connectionattempts",
    "connecttimeout",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "gssapiauthentication",
    "kbdinteractiveauthentication",
    "loglevel",
    "passwordauthentication",
    "preferredauthentications",
    "pubkeyauthentication",
    "requesttty",
    "serveralivecountmax",
    "serveraliveinterval",
    "stricthostkeychecking",
    "tcpkeepalive",
    "updatehostkeys",
];

/// Letters that do nothing here, as nobody watches and nothing is forwarded.
const NEEDLESS_LETTERS: &str = "46CTaknqvx";

impl SshOptions {
    /// Adds the options of one variable, with its name and place. Relative paths are those of the project, at `root`. Problems go
    /// to `problems`; `strict` is false for the system's `ssh`, which follows all of its own options.
    pub fn add(
        &mut self,
        (name, span): (&str, &Span),
        text: &str,
        root: &Path,
        home: Option<&Path>,
        strict: bool,
        problems: &mut Diagnostics,
    ) {
        let bad = |what: String| Diagnostic::error(format!("`{name}`: {what}")).at(span);
        let Some(words) = shlex::split(text).filter(|_| !text.contains(['\0', '\n'])) else {
            problems.push(bad("the quotes do not match".to_string()).help("write it as for a shell, on one line"));
            return;
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
            let Some(letter) = letters.next() else {
                problems.push(bad(format!("`{}` is no option of ssh", word.escape_debug())));
                continue;
            };
            if letter == 'A' {
                self.forward_agent.get_or_insert(true);
                continue;
            }
            if NEEDLESS_LETTERS.contains(letter) {
                continue;
            }
            let Some(long) = [('o', ""), ('J', "proxyjump"), ('F', "-F"), ('i', "identityfile"), ('l', "user"), ('p', "port")]
                .into_iter()
                .find_map(|(short, long)| (short == letter).then_some(long))
            else {
                problems.push(bad(format!("hoist does not follow the option `-{letter}` of ssh")).help("put it into `~/.ssh/config`"));
                return;
            };
            let glued = letters.as_str();
            let Some(value) = (if glued.is_empty() { words.next() } else { Some(glued.to_string()) }) else {
                problems.push(bad(format!("`-{letter}` wants a value behind it")));
                return;
            };
            match long {
                "-F" => {
                    let tail = value.strip_prefix("~/").and_then(|tail| Some(home?.join(tail)));
                    self.file.get_or_insert_with(|| tail.unwrap_or_else(|| root.join(value)));
                }
                "" => match value.split_once(['=', ' ']) {
                    Some((key, value)) => {
                        self.option(name, &key.trim().to_lowercase(), value.trim().trim_start_matches('=').trim(), strict, span, problems);
                    }
                    None => problems.push(bad(format!("`-o {}` wants `NAME=VALUE`", value.escape_debug()))),
                },
                long => self.options.push((long.to_string(), value)),
            }
        }
    }

    fn option(&mut self, name: &str, key: &str, value: &str, strict: bool, span: &Span, problems: &mut Diagnostics) {
        let unchecked = match key {
            "stricthostkeychecking" => matches!(value, "no" | "off"),
            "userknownhostsfile" => value == "/dev/null",
            _ => false,
        };
        if unchecked {
            let warning = Diagnostic::warning(format!("`{name}`: host keys are always checked, so `{key}={value}` does nothing"));
            problems.push(warning.at(span).help("`hoist hosts trust` records them"));
            return;
        }
        if key == "forwardagent" {
            self.forward_agent.get_or_insert(matches!(value, "yes" | "true"));
            return;
        }
        if strict && !FOLLOWED.contains(&key) && !NEEDLESS.contains(&key) {
            let warning = Diagnostic::warning(format!("`{name}`: hoist does not follow `{}`", key.escape_debug())).at(span);
            problems.push(match suggest::closest(key, FOLLOWED) {
                Some(close) => warning.help(format!("did you mean `{close}`?")),
                None => warning.help("`ansible_connection: openssh` connects with the system's ssh, which does"),
            });
        }
        self.options.push((key.to_string(), value.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn read(text: &str) -> (SshOptions, Vec<String>) {
        let (mut options, mut problems) = (SshOptions::default(), Diagnostics::new());
        let span = Span::whole(&Source::new("hosts", ""));
        options.add(("args", &span), text, Path::new("/p"), Some(Path::new("/home/u")), true, &mut problems);
        (options, problems.iter().map(|problem| format!("{} ({})", problem.summary, problem.help.join("; "))).collect())
    }

    fn pairs(options: &[(&str, &str)]) -> Vec<(String, String)> {
        options.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
    }

    #[test]
    fn every_way_to_write_an_option_is_read() {
        let (options, problems) = read(
            "-J a,u@b:22 -o ProxyJump=c -oHostName=10.0.0.1 -o 'ProxyCommand ssh -W %h:%p gate' -p 2222 -l me -i ~/k -F ssh.cfg -A \
             -C -o ControlMaster=auto -o ControlPersist=60s -4",
        );
        assert_eq!(problems, Vec::<String>::new());
        let expected = [
            ("proxyjump", "a,u@b:22"),
            ("proxyjump", "c"),
            ("hostname", "10.0.0.1"),
            ("proxycommand", "ssh -W %h:%p gate"),
            ("port", "2222"),
            ("user", "me"),
            ("identityfile", "~/k"),
            ("controlmaster", "auto"),
            ("controlpersist", "60s"),
        ];
        assert_eq!(options.options, pairs(&expected));
        assert_eq!((options.file, options.forward_agent), (Some("/p/ssh.cfg".into()), Some(true)));
        assert_eq!(read("-F ~/x").0.file, Some("/home/u/x".into()));
        assert_eq!(read("-o ForwardAgent=no -A").0.forward_agent, Some(false), "the first one counts");
    }

    #[test]
    fn what_is_not_followed_is_said() {
        for (text, problem) in [
            ("-L 80:x:80", "`args`: hoist does not follow the option `-L` of ssh (put it into `~/.ssh/config`)"),
            ("web1", "`args`: `web1` is no option of ssh ()"),
            ("-J", "`args`: `-J` wants a value behind it ()"),
            ("-o x", "`args`: `-o x` wants `NAME=VALUE` ()"),
            ("-o 'x", "`args`: the quotes do not match (write it as for a shell, on one line)"),
            ("-o ProxyJmp=x", "`args`: hoist does not follow `proxyjmp` (did you mean `proxyjump`?)"),
            (
                "-o CertificateFile=x",
                "`args`: hoist does not follow `certificatefile` (`ansible_connection: openssh` connects with the system's ssh, which does)",
            ),
            (
                "-o StrictHostKeyChecking=no",
                "`args`: host keys are always checked, so `stricthostkeychecking=no` does nothing (`hoist hosts trust` records them)",
            ),
        ] {
            assert_eq!(read(text).1, [problem], "{text}");
        }
    }
}
