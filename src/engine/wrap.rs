//! A task's own script as its user, with its environment: what a step and a guard have in common.

use crate::shell::{Nonce, PRELUDE, Script};

/// The text that runs `script` as `user` (`None`: the user of the session) with these variables. It is to stand in a
/// subshell whose input is not the line. Content on descriptor 4 is handed on.
pub(super) fn wrap(script: &Script, user: Option<&str>, environment: &[(String, String)], nonce: &Nonce) -> String {
    let mut body = Script::new();
    for (name, value) in environment {
        body.line("export {}", &[&format!("{name}={value}")]);
    }
    body.append(script);
    let Some(user) = user else { return body.text().to_string() };
    let mut open = Script::new();
    open.line("hoist_as {}", &[user]);
    // The script travels on standard input, for its text may hold secrets, which must not stand in an argument. The
    // braces make the shell read all of it before it runs any, and the nonce cannot occur in it.
    let end = nonce.as_str();
    let prelude = if body.text().contains("hoist_") { PRELUDE.as_str() } else { "" };
    format!("{} <<'{end}'\n{{\n{prelude}{}}} </dev/null\n{end}\n", open.text().trim_end(), body.text())
}
