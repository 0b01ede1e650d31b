//! Users and groups: `getent passwd` and `getent shadow` for the users asked, `getent group` whole, for who is in what.

use super::Question;
use crate::resource::{Group, Probe, Reply, User};
use crate::shell::{Answers, Script};

pub(super) fn questions(probe: &Probe) -> Vec<Question> {
    let mut all = Vec::new();
    if !probe.users.is_empty() {
        let (mut passwd, mut shadow) = (Script::new(), Script::new());
        passwd.words("getent passwd --", probe.users.iter().map(String::as_str));
        shadow.words("getent shadow --", probe.users.iter().map(String::as_str));
        all.extend([Question::new("passwd", passwd), Question::new("shadow", shadow)]);
    }
    if !probe.users.is_empty() || !probe.groups.is_empty() {
        let mut script = Script::new();
        script.line("getent group", &[]);
        all.push(Question::new("group", script));
    }
    all
}

pub(super) fn read(probe: &Probe, answers: &Answers, reply: &mut Reply) {
    // `getent` says 2 when a name is missing; anything else wrong means that nothing is known.
    let text = |id: &str| answers.get(id).filter(|answer| matches!(answer.status, 0 | 2)).map(crate::shell::Answer::text);
    let Some(groups) = text("group") else { return };
    let groups: Vec<(String, Group)> = groups.lines().filter_map(group_line).collect();
    for name in &probe.groups {
        // A group may be asked by its number.
        let group = groups.iter().find(|(found, group)| found == name || group.gid.to_string() == *name).map(|(_, group)| group.clone());
        reply.groups.insert(name.clone(), group);
    }
    let Some(passwd) = text("passwd") else { return };
    let shadow = text("shadow").unwrap_or_default();
    for name in &probe.users {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(name));
        let password = shadow.lines().find(|line| line.split(':').next() == Some(name)).and_then(|line| line.split(':').nth(1));
        let user = line.and_then(|line| user_line(line, name, &groups)).map(|user| User { password: password.map(str::to_string), ..user });
        reply.users.insert(name.clone(), user);
    }
}

fn group_line(line: &str) -> Option<(String, Group)> {
    let mut fields = line.split(':');
    let (name, _, gid, members) = (fields.next()?, fields.next()?, fields.next()?, fields.next().unwrap_or_default());
    let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_string).collect();
    Some((name.to_string(), Group { gid: gid.parse().ok()?, members }))
}

fn user_line(line: &str, name: &str, groups: &[(String, Group)]) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let [_, _, uid, gid, comment, home, shell] = fields[..] else { return None };
    let gid: u32 = gid.parse().ok()?;
    let group = groups.iter().find(|(_, group)| group.gid == gid).map_or_else(|| gid.to_string(), |(name, _)| name.clone());
    let mut beside: Vec<String> =
        groups.iter().filter(|(_, group)| group.members.iter().any(|member| member == name)).map(|(name, _)| name.clone()).collect();
    beside.sort();
    Some(User {
        uid: uid.parse().ok()?,
        gid,
        group,
        comment: comment.to_string(),
        home: home.to_string(),
        shell: shell.to_string(),
        groups: beside,
        password: None,
    })
}
