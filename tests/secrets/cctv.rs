//! The age test vectors of C2SP's CCTV: each must end in the class that it names.

use std::path::{Path, PathBuf};

use hoist::secret::{Identities, Unopened, age_file};
use sha2::{Digest as _, Sha256};

/// A vector: its header, and the age file.
struct Vector {
    name: String,
    expect: String,
    payload: Option<String>,
    identities: Vec<String>,
    passphrases: Vec<String>,
    armored: bool,
    file: Vec<u8>,
}

/// The folder of the vectors: that which $CCTV_AGE names, or beside the checkout, else from npm; `None` when none can be had.
fn folder() -> Option<(PathBuf, Option<tempfile::TempDir>)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/cctv-age");
    let named = std::env::var_os("CCTV_AGE").map_or(beside, PathBuf::from);
    if named.is_dir() {
        return Some((named, None));
    }
    let temporary = tempfile::tempdir().ok()?;
    let script = "npm pack --silent cctv-age >/dev/null && tar -xzf cctv-age-*.tgz && mkdir vectors && cd package && node --input-type=module -e \
        'import * as all from \"./index.js\"; import fs from \"fs\"; for (const [name, bytes] of Object.entries(all.default ?? all)) fs.writeFileSync(\"../vectors/\" + name, bytes);'";
    let packed = std::process::Command::new("sh").args(["-c", script]).current_dir(&temporary).output();
    if !packed.is_ok_and(|output| output.status.success()) {
        println!("skipped: the vectors are neither beside the checkout nor to be had from npm");
        return None;
    }
    Some((temporary.path().join("vectors"), Some(temporary)))
}

fn read(path: &Path) -> Option<Vector> {
    let bytes = std::fs::read(path).ok()?;
    let end = bytes.windows(2).position(|window| window == b"\n\n")?;
    let header = std::str::from_utf8(&bytes[..end]).ok()?;
    let all =
        |key: &str| header.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ").map(str::to_string)).collect::<Vec<_>>();
    let mut file = bytes[end + 2..].to_vec();
    if all("compressed") == ["zlib"] {
        file = inflate(&file);
    }
    Some(Vector {
        name: path.file_name()?.to_string_lossy().into_owned(),
        expect: all("expect").first()?.clone(),
        payload: all("payload").first().cloned(),
        identities: all("identity"),
        passphrases: all("passphrase"),
        armored: all("armored") == ["yes"],
        file,
    })
}

fn inflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let script = "import sys, zlib; sys.stdout.buffer.write(zlib.decompress(sys.stdin.buffer.read()))";
    let mut child =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3 is there");
    let mut input = child.stdin.take().expect("piped");
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    output.stdout
}

fn class(vector: &Vector) -> String {
    let identities = Identities::of_texts(&vector.identities, &vector.passphrases);
    match age_file::decrypt(&vector.file, &identities) {
        Ok(plaintext) => {
            let hash: String = Sha256::digest(plaintext.expose()).iter().map(|byte| format!("{byte:02x}")).collect();
            if Some(&hash) == vector.payload.as_ref() { "success".into() } else { format!("success with another content, {hash}") }
        }
        Err(Unopened::NoMatch | Unopened::Locked(_)) => "no match".into(),
        Err(Unopened::Mac) => "HMAC failure".into(),
        Err(Unopened::Payload) => "payload failure".into(),
        Err(Unopened::Armour) => "armor failure".into(),
        Err(Unopened::Header) => "header failure".into(),
        // What does not even begin as age is no age file; the vectors blame what they broke.
        Err(Unopened::NotEncrypted | Unopened::Conflict) if vector.armored => "armor failure".into(),
        Err(Unopened::NotEncrypted | Unopened::Conflict) => "header failure".into(),
    }
}

// V09, V10, Z03
#[test]
fn every_vector_ends_in_its_class() {
    let Some((folder, _temporary)) = folder() else { return };

    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).expect("readable").flatten().map(|entry| entry.path()).collect();
    names.sort();
    let vectors: Vec<Vector> = names.iter().filter_map(|path| read(path)).collect();
    assert!(vectors.len() >= 143, "{} vectors", vectors.len());
    let wrong: Vec<String> = vectors
        .iter()
        .map(|vector| (vector, class(vector)))
        .filter(|(vector, class)| *class != vector.expect)
        .map(|(vector, class)| format!("{}: expected {}, found {class}", vector.name, vector.expect))
        .collect();
    println!("{} vectors", vectors.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
