//! The only room that prints.
use crate::diagnostic::Diagnostics;
use crate::engine::*;
use crate::transport::Failure;

#[derive(clap::Args, Debug, Default)]
pub struct Options {
    #[arg(long)]
    pub json: bool,
}

pub fn diagnostics(p: &Diagnostics) {
    for d in p.iter() {
        let at = d.labels.first().map(|l| l.0.to_string()).unwrap_or_default();
        eprintln!("{:?}: {} at {at} {:?}", d.severity, d.summary, d.help);
    }
}
pub fn line(t: &str) {
    println!("{t}");
}
pub fn table(_h: &[&str], rows: Vec<Vec<String>>) {
    for r in rows {
        println!("{}", r.join("  "));
    }
}
pub fn count(n: usize, w: &str) -> String {
    if n == 1 { format!("1 {w}") } else { format!("{n} {w}s") }
}
pub fn failure(h: &str, f: &Failure) {
    eprintln!("{h}: {f} {:?}", f.remedy);
}
pub fn ping(p: &[Pong]) {
    for p in p {
        match &p.outcome {
            Ok(f) => println!("{}: ok {} {} {:?}", p.host, f.values["distribution"], f.values["distribution_release"], p.elapsed),
            Err(f) => failure(&p.host, f),
        }
    }
}
pub fn plan(p: &[Previewed], _o: &Options) {
    for h in p {
        match &h.outcome {
            Err(e) => println!("{}: {e:?}", h.host),
            Ok(v) => {
                println!("{}: execs {} pending {:?}", h.host, h.execs, v.pending);
                for pl in &v.plays {
                    for q in &pl.planned {
                        let s = &pl.steps.steps[q.step];
                        match &q.verdict {
                            Verdict::Same => {}
                            Verdict::Change(c) => println!("  {:?} {} {:?}", c.action, s.name, c.diff),
                            other => println!("  ? {} {other:?}", s.name),
                        }
                    }
                }
            }
        }
    }
}
pub struct Progress;
impl Progress {
    pub fn start(_o: &Options, _h: Vec<String>) -> Self {
        Self
    }
    pub fn event(&self, h: &str, e: Event) {
        if std::env::var_os("V").is_some() {
            eprintln!("{h} {e:?}");
        }
    }
}
pub fn summary(r: &[HostReport], t: std::time::Duration, _o: &Options) {
    for r in r {
        println!("{}: {} changed, {} same {:?} in {t:?}", r.host, r.changed(), r.same, r.failure);
        for s in &r.results {
            println!("   {s:?}");
        }
    }
}
pub fn exit_code(r: &[HostReport]) -> crate::cli::ExitCode {
    if r.iter().any(|r| r.failure.is_some()) { crate::cli::ExitCode::HostFailed } else { crate::cli::ExitCode::Done }
}
