//! What is made of a configuration, with and without the program that reads it.

use super::*;

/// What OpenSSH 9.2 prints, shortened.
const PRINTED: &str = "user deploy\nhostname 10.0.0.9\nport 2222\ncanonicalizehostname false\nstricthostkeychecking ask\n\
    identityagent /run/agent\nhostkeyalias web\nidentityfile ~/.ssh/k1\nidentityfile /keys/%r-%h\nidentitiesonly yes\n\
    globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n\
    userknownhostsfile /home/me/known /home/me/.ssh/known_hosts2\nproxyjump u1@b1:2201,b2,[::1]:33\n";

const USUAL: &str = "user me\nhostname web1\nport 22\nidentityfile ~/.ssh/id_rsa\nidentityfile ~/.ssh/id_ed25519\n\
    globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2\n\
    userknownhostsfile /home/me/.ssh/known_hosts /home/me/.ssh/known_hosts2\nidentitiesonly no\n";

fn parse(text: &str) -> Result<Settings, Failure> {
    Settings::parse(text, "web1", Some(Path::new("/home/me")))
}

fn hop(user: Option<&str>, host: &str, port: Option<u16>) -> Hop {
    Hop { user: user.map(str::to_owned), host: host.to_owned(), port }
}

#[test]
fn what_ssh_prints_is_read() {
    let expected = Settings {
        hostname: Some("10.0.0.9".into()),
        user: Some("deploy".into()),
        port: Some(2222),
        identity_files: Some(vec!["/home/me/.ssh/k1".into(), "/keys/deploy-10.0.0.9".into()]),
        identities_only: true,
        agent: Some(Some("/run/agent".into())),
        host_key_alias: Some("web".into()),
        proxy_jump: vec![hop(Some("u1"), "b1", Some(2201)), hop(None, "b2", None), hop(None, "::1", Some(33))],
        proxy_command: None,
        known_hosts: Some(
            ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2", "/home/me/known", "/home/me/.ssh/known_hosts2"]
                .map(PathBuf::from)
                .into(),
        ),
    };
    assert_eq!(parse(PRINTED), Ok(expected));
}

#[test]
fn what_is_usual_is_not_said() {
    let said = parse(USUAL).expect("it is fine");
    assert_eq!((said.identity_files, said.known_hosts, said.proxy_jump, said.identities_only), (None, None, Vec::new(), false));
}

#[test]
fn the_first_of_command_and_jump_counts_and_none_is_none() {
    let said = parse("proxycommand nc %h %p\nproxyjump b1\n").expect("it is fine");
    assert_eq!((said.proxy_command.as_deref(), said.proxy_jump.len()), (Some("nc %h %p"), 0));
    let said = parse("proxyjump none\nproxycommand none\nidentityagent none\n").expect("it is fine");
    assert_eq!((said.proxy_command, said.proxy_jump.len(), said.agent), (None, 0, Some(None)));
}

#[test]
fn a_jump_host_that_is_none_is_refused() {
    for text in ["-oProxyCommand=x", "a@", "a b", "b1:0", "b1:x", "[::1", "$(id)", ""] {
        let failure = parse(&format!("proxyjump b0,{text}\n")).expect_err(text);
        assert_eq!(failure.cause, Cause::Configuration);
    }
    assert_eq!(
        parse("proxyjump ssh://u@b1:2/,fe80::1\n").expect("fine").proxy_jump,
        [hop(Some("u"), "b1", Some(2)), hop(None, "fe80::1", None)]
    );
}

fn wanted(host: &str) -> Wanted {
    Wanted { host: host.to_owned(), ..Wanted::default() }
}

fn silent() -> SshConfig {
    SshConfig { program: "/nonexistent/ssh".into(), speaks: false, answers: Mutex::default() }
}

#[test]
fn without_a_configuration_the_inventory_alone_counts() {
    let target = silent().target(&Wanted { port: Some(2222), user: Some("deploy".into()), ..wanted("web1") }).expect("nobody is asked");
    assert_eq!((target.host.as_str(), target.port, target.user.as_str()), ("web1", 2222, "deploy"));
    assert!(matches!(target.way, Way::Direct));
    assert_eq!(silent().target(&wanted("web1")).expect("nobody is asked").port, 22);
}

#[test]
fn options_of_the_inventory_need_no_program() {
    let options = vec![("proxyjump".to_owned(), "a,u@b:2200".to_owned())];
    let key = Some(PathBuf::from("/keys/id"));
    let target = silent().target(&Wanted { options, key: key.clone(), ..wanted("web1") }).expect("nobody is asked");
    let Way::Through(b) = target.way else { panic!("{:?}", target.way) };
    assert_eq!((b.host.as_str(), b.port, b.user.as_str()), ("b", 2200, "u"));
    assert!(b.keys.named.is_empty() && b.keys.usual.last() == key.as_ref(), "{:?}", b.keys);
    let Way::Through(a) = b.way else { panic!("{:?}", b.way) };
    assert!(a.host == "a" && matches!(a.way, Way::Direct));
}

/// With the real program, where there is one.
fn asked(config: &str, wanted: Wanted) -> Option<Result<SshTarget, Failure>> {
    if Command::new("ssh").arg("-V").output().is_err() {
        println!("skipped: ssh is not installed");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    std::fs::write(&file, config).expect("written");
    let config = SshConfig { program: "ssh".into(), speaks: true, answers: Mutex::default() };
    Some(config.target(&Wanted { file: Some(file), ..wanted }))
}

const CONFIG: &str = "Host web1\n HostName 10.0.0.9\n User deploy\n Port 2222\n ProxyJump b1\nHost b1\n HostName 10.0.0.1\n \
    User jump\n ProxyCommand nc %h %p\nHost self\n ProxyJump self\nHost c1\n ProxyJump c2\nHost c2\n ProxyJump c1\n";

#[test]
fn the_configuration_is_followed_through_its_jump_hosts() {
    let Some(target) = asked(CONFIG, wanted("web1")) else { return };
    let target = target.expect("it is fine");
    assert_eq!((target.host.as_str(), target.port, target.user.as_str()), ("10.0.0.9", 2222, "deploy"));
    let Way::Through(hop) = target.way else { panic!("{:?}", target.way) };
    assert_eq!((hop.host.as_str(), hop.user.as_str()), ("10.0.0.1", "jump"));
    assert!(matches!(&hop.way, Way::Command(command) if command == "nc %h %p"), "{:?}", hop.way);
}

#[test]
fn the_inventory_wins() {
    let inventory =
        Wanted { port: Some(22), user: Some("root".into()), options: vec![("proxyjump".into(), "none".into())], ..wanted("web1") };
    let Some(target) = asked(CONFIG, inventory) else { return };
    let target = target.expect("it is fine");
    assert_eq!((target.port, target.user.as_str()), (22, "root"));
    assert!(matches!(target.way, Way::Direct), "{:?}", target.way);
}

#[test]
fn circles_and_mistakes_are_told() {
    let Some(own) = asked(CONFIG, wanted("self")) else { return };
    assert!(own.expect_err("a circle").message.contains("jumphost loop"));
    let circle = asked(CONFIG, wanted("c1")).expect("there is ssh").expect_err("a circle");
    assert!(circle.message.starts_with("more than 8 jump hosts"), "{circle}");
    let bad = asked("Host *\n Prot 22\n", wanted("web1")).expect("there is ssh").expect_err("a mistake");
    assert!(bad.cause == Cause::Configuration && bad.message.contains("line 2"), "{bad}");
}
