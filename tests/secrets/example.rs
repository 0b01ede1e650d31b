//! The environments of this repository: examples, with secrets for a key that everybody has.

use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn the_example_environments_are_sound_and_open_with_the_example_key() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let key = std::fs::File::open(root.join("tests/keys/example.txt")).expect("it is there");
    let hoist = |words: &[&str], input: Stdio| {
        let output = Command::new(env!("CARGO_BIN_EXE_hoist")).args(words).current_dir(root).stdin(input).output().expect("hoist runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (status, stdout, stderr) = hoist(&["check", "--identity", "-"], key.into());
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    for environment in ["demo", "prod", "staging", "test"] {
        assert!(stdout.contains(&format!("{environment}: ")), "{stdout}");
    }
}
