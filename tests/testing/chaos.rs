//! Runs under faults, and whether a broken guarantee is noticed.

use std::process::{Command, Output};

use greenroom::mezon::{Mezon, Settings};
use greenroom::testing::{ChaosReport, ChaosRun, Stage, timeline};

use super::*;

fn run(minutes: u32, bot: impl Fn(&Stage) -> BotBuilder) -> ChaosReport {
    let run = ChaosRun::new(60 * SECOND * minutes).rate(0.02).seed(7);
    let run = run.platforms(["mezon"]).answering();
    run.run(|stage| stage.put(bot(stage), "mezon"), |_| {})
        .unwrap()
}

#[test]
fn a_good_bot_keeps_every_guarantee_and_the_report_repeats() {
    let report = run(120, |_| answers("b"));
    assert_eq!(report.broken, [""; 0], "{report}");
    assert_eq!((report.lost, report.duplicated, report.restarts), (0, 0, 0));
    assert!(
        report.faults_total > 20 && report.reconnects > 3,
        "{report}"
    );
    assert!(report.recovery.p50_ms > 0 && report.recovery.p50_ms <= report.recovery.max_ms);
    let again = run(120, |_| answers("b"));
    assert_eq!((report.faults, report.events), (again.faults, again.events));
    assert_eq!(report.recovery, again.recovery);
}

#[test]
fn bots_that_break_a_guarantee_are_found_out() {
    let fails = run(10, |_| {
        Bot::builder("b").on("fail", async |_: Event<ChatMessage>| {
            Err(HandlerError::permanent("no"))
        })
    });
    assert!(fails.broken[0].contains("could not be handled"), "{fails}");
    let twice = run(10, |_| {
        Bot::builder("b").on("twice", async |message: Event<ChatMessage>| {
            if !message.is_own {
                message.say(format!("re {}", message.text)).await?;
                message.say(format!("re {}", message.text)).await?;
            }
            Ok(())
        })
    });
    assert!(twice.broken[0].contains("said twice"), "{twice}");
    assert!(twice.duplicated > 0);
    let silent = run(10, |_| Bot::builder("b"));
    assert!(silent.broken[0].contains("never arrived"), "{silent}");
    let forgets = ChaosRun::new(120 * 60 * SECOND)
        .rate(0.02)
        .seed(7)
        .platforms(["mezon"]);
    let make = |stage: &Stage| {
        let mut settings = Settings::new("1000000000000000001", "sim-mezon-key");
        settings.base_url = stage.mezon().url().parse().unwrap();
        settings.catch_up = false;
        answers("b").platform(Mezon::new(settings))
    };
    let forgets = forgets.run(make, |_| {}).unwrap();
    assert!(forgets.broken[0].contains("were lost"), "{forgets}");
}

#[test]
fn the_picture_is_well_formed_and_has_what_happened() {
    let report = run(60, |_| answers("<b>"));
    let picture = timeline(&report);
    let document = roxmltree::Document::parse(&picture).unwrap();
    let texts: Vec<_> = document
        .descendants()
        .filter_map(|node| node.text())
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("all guarantees kept"))
    );
    for kind in report.faults.keys() {
        assert!(
            texts.iter().any(|text| text.starts_with(kind.as_str())),
            "{kind}"
        );
    }
}

fn greenroom(folder: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_greenroom"));
    command.current_dir(folder).args(arguments);
    command.output().unwrap()
}

#[test]
fn the_program_ends_with_1_if_a_guarantee_was_broken() {
    let folder = tempfile::tempdir().unwrap();
    let common = [
        "chaos",
        "--minutes",
        "60",
        "--rate",
        "0.02",
        "--seed",
        "7",
        "--json",
        "--platform",
        "mezon",
    ];
    let mut with_picture = common.to_vec();
    with_picture.extend(["--timeline", "chaos.svg"]);
    let good = greenroom(folder.path(), &with_picture);
    let shown = String::from_utf8_lossy(&good.stdout).into_owned();
    assert_eq!(good.status.code(), Some(0), "{shown}");
    assert!(folder.path().join("chaos.svg").exists());
    let last: serde_json::Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
    let report = &last["report"];
    for field in [
        "events",
        "faults",
        "recovery",
        "lost",
        "duplicated",
        "restarts",
        "memory_slope_kib_per_minute",
    ] {
        assert!(!report[field].is_null(), "{field}: {report}");
    }
    assert!(shown.lines().next().unwrap().contains("\"progress\""));
    assert_eq!(
        greenroom(folder.path(), &with_picture).status.code(),
        Some(0)
    );

    let config = "[mezon]\ncatch_up = false\n[[handlers]]\nkind = \"echo\"\n";
    std::fs::write(folder.path().join("greenroom.toml"), config).unwrap();
    let bad = greenroom(folder.path(), &common);
    let told = String::from_utf8_lossy(&bad.stderr).into_owned();
    assert_eq!(bad.status.code(), Some(1), "{told}");
    assert!(told.contains("guarantee"), "{told}");
    let config = "[mezon]\n[[handlers]]\nkind = \"echo\"\n[[handlers]]\nkind = \"ping\"\n";
    std::fs::write(folder.path().join("greenroom.toml"), config).unwrap();
    let good = greenroom(folder.path(), &common);
    assert_eq!(
        good.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&good.stdout)
    );
    let wrong = greenroom(folder.path(), &["chaos", "--rate", "2"]);
    assert_eq!(wrong.status.code(), Some(2));
    let wrong = greenroom(folder.path(), &["chaos", "--platform", "nowhere"]);
    assert_eq!(wrong.status.code(), Some(2));
}
