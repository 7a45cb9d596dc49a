//! A class is graded: whatever is handed in, every submission gets a row, and no result is lost.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bad_input::write_program;
use crate::course::{Copy, Ran, course, has_solutions, lab, target_dir};

const LAB_01: &str = "labs/01-pmm/src/bitmap.rs";

/// A class's folder, and one for results.
struct Class {
    folder: tempfile::TempDir,
}

impl Class {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("class")).unwrap();
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("class").join(name)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn zip(&self, name: &str, files: &[(&str, &[u8])]) {
        let mut zip = zip::ZipWriter::new(fs::File::create(self.at(name)).unwrap());
        for (name, bytes) in files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    /// A tar with one entry of this type and any name.
    fn tar(&self, name: &str, entry: &[u8], kind: tar::EntryType, bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..entry.len()].copy_from_slice(entry);
        header.set_entry_type(kind);
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        if matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link) {
            header.set_link_name("notes.txt").unwrap();
        }
        header.set_cksum();
        let file = fs::File::create(self.at(name)).unwrap();
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
        tar.append(&header, bytes).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
    }

    /// A git bundle with one file in it.
    fn bundle(&self, name: &str, file: &str, bytes: impl AsRef<[u8]>) {
        let tree = self.folder.path().join("tree");
        let path = tree.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        let git = |words: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(&tree).args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(words);
            assert!(command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success(), "{words:?}");
        };
        git(&["init", "--quiet"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message", "mine"]);
        git(&["bundle", "create", self.at(name).to_str().unwrap(), "HEAD"]);
        fs::remove_dir_all(tree).unwrap();
    }

    /// The grader as a command on the class.
    fn command(&self, copy: &Copy, out: &str, words: &[&str]) -> Command {
        let (class, out) = (self.at(""), self.out(out));
        let mut all = vec!["batch", class.to_str().unwrap(), "--out", out.to_str().unwrap(), "--color", "never"];
        if !has_bubblewrap() {
            all.push("--unsafe-no-sandbox");
        }
        all.extend(words);
        copy.command(&all)
    }

    fn batch(&self, copy: &Copy, out: &str, words: &[&str]) -> Ran {
        Ran::of(&mut self.command(copy, out, words))
    }

    fn results(&self, out: &str) -> Value {
        serde_json::from_str(&fs::read_to_string(self.out(out).join("results.json")).unwrap()).unwrap()
    }
}

/// Whether submissions can be graded in bubblewrap on this computer.
fn has_bubblewrap() -> bool {
    let mut command = Command::new("bwrap");
    command.args(["--unshare-all", "--ro-bind", "/", "/", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The student's file as handed out, with this text after it.
fn skeleton(more: &str) -> String {
    format!("{}\n{more}\n", fs::read_to_string(course().join(LAB_01)).unwrap())
}

/// The course's labs, in order.
fn names_of_labs() -> Vec<String> {
    let entries = fs::read_dir(course().join("labs")).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().join("lab.toml").is_file());
    let mut names: Vec<String> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The names of what is in a lab's `src`.
fn sources(lab: &str) -> Vec<String> {
    let entries = fs::read_dir(course().join("labs").join(lab).join("src")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_submission_gets_its_row() {
    if !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), Class::new());
    let of_course = |file: &str| fs::read_to_string(course().join(file)).unwrap();
    let (stack, model) =
        (of_course("labs/05-stack/src/user_stack.rs"), of_course("labs/04-process-heap/solution/program_break.rs"));
    let begun = skeleton("");
    class.file(&format!("alice/folio/{LAB_01}"), &begun);
    class.zip("bob.zip", &[("hw/src/bitmap.rs", begun.as_bytes()), ("user_stack.rs", stack.as_bytes())]);
    class.bundle("carol.bundle", "bitmap.rs", &begun);
    class.file("dan/bitmap.rs", skeleton("compile_error!(\"not yet\");"));
    class.file("eve/bitmap.rs", skeleton("const X: &str = include_str!(\"/etc/passwd\");"));
    class.file("fay/notes.txt", "");
    class.file("gil.zip", "no zip");
    class.file("hal.rar", "");
    class.tar("ivy.tar.gz", b"../../bitmap.rs", tar::EntryType::Regular, b"");
    class.tar("jon.tgz", b"/etc/bitmap.rs", tar::EntryType::Regular, b"");
    class.tar("kim.tgz", b"src/bitmap.rs", tar::EntryType::Symlink, b"");
    class.tar("leo.tgz", b"src/bitmap.rs", tar::EntryType::Link, b"");
    class.tar("mia.tgz", b"dev/sda", tar::EntryType::Block, b"");
    class.tar("ned.tgz", b"src/bitmap.rs", tar::EntryType::Regular, &vec![0; 40 << 20]);
    class.tar("oda.tgz", b"notes.txt", tar::EntryType::Regular, &vec![0; 257 << 20]);
    class.zip("pat.zip", &[("src/bitmap.rs", b"1"), ("src/Bitmap.rs", b"1")]);
    class.file("quin/x", "");
    symlink("/etc/passwd", class.at("quin/bitmap.rs")).unwrap();
    class.tar("rex.tgz", b"J\xfcrgen/src/bitmap.rs", tar::EntryType::Regular, begun.as_bytes());
    class.file("sam/src/program_break.rs", model);
    // Every lab as it was handed out: each can be graded for a class.
    let labs = names_of_labs();
    for (lab, file) in labs.iter().flat_map(|lab| sources(lab).into_iter().map(move |file| (lab, file))) {
        let name = format!("labs/{lab}/src/{file}");
        class.file(&format!("tom/{name}"), of_course(&name));
    }
    class
        .batch(&copy, "out", &[])
        .expect_code(0)
        .says("20 submissions: 6 graded, 2 could not build, 8 hostile, 1 empty, 3 unreadable");

    let results = class.results("out");
    let expected = [
        ("alice", "graded", ""),
        ("bob", "graded", ""),
        ("carol", "graded", ""),
        ("dan", "could_not_build", "does not compile"),
        ("eve", "could_not_build", "`include_str` is refused"),
        ("fay", "empty", "none of the labs' files"),
        ("gil", "unreadable", "Zip"),
        ("hal", "unreadable", "neither a folder nor"),
        ("ivy", "hostile", "leads out of it"),
        ("jon", "hostile", "absolute path"),
        ("kim", "hostile", "a symbolic link, not a file"),
        ("leo", "hostile", "a hard link, not a file"),
        ("mia", "hostile", "a device in it: dev/sda"),
        ("ned", "hostile", "larger than 4 MiB"),
        ("oda", "hostile", "unpacks to more than"),
        ("pat", "unreadable", "capital and small letters"),
        ("quin", "hostile", "a symbolic link, not a file"),
        ("rex", "graded", ""),
        ("sam", "graded", ""),
        ("tom", "graded", ""),
    ];
    let rows = results["submissions"].as_array().unwrap();
    for (row, (name, status, words)) in rows.iter().zip(expected) {
        assert_eq!((row["name"].as_str(), row["status"].as_str()), (Some(name), Some(status)), "{row:#}");
        assert!(row["message"].as_str().unwrap_or_default().contains(words), "{row:#}");
        let whole = fs::read_to_string(class.out("out").join(format!("submissions/{name}.json"))).unwrap();
        assert!(!whole.contains("root:"), "{whole}");
    }
    assert_eq!(rows.len(), expected.len());
    let sam = lab(&rows[18], "04-process-heap");
    assert!(sam["score"] == 100 && sam["score"] == sam["max_score"] && rows[18]["score"] == 100, "{sam:#}");
    let of_tom: Vec<(&str, &str)> = rows[19]["labs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lab| (lab["id"].as_str().unwrap(), lab["status"].as_str().unwrap()))
        .collect();
    assert_eq!(of_tom, labs.iter().map(|lab| (lab.as_str(), "graded")).collect::<Vec<_>>());
    assert_eq!(lab(&rows[0], "01-pmm")["same_files"], serde_json::json!(["bob", "carol", "rex"]));
    let csv = fs::read_to_string(class.out("out").join("results.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + rows.len(), "{csv}");
    let page = |name: &str| fs::read_to_string(class.out("out/html").join(name)).unwrap();
    assert_eq!(fs::read_dir(class.out("out/html/students")).unwrap().count(), rows.len());
    let index = page("index.html");
    assert!(expected.iter().all(|(name, _, _)| index.contains(&format!("students/{name}.html"))), "{index}");
    assert!(page("students/sam.html").contains("100 of 100"));
    assert!(page("students/dan.html").contains("compile_error"));
    // Each result was graded once, and no unfinished file is left.
    assert_eq!(fs::read_dir(class.out("out").join("graded")).unwrap().count(), 5 + labs.len());
    assert_eq!(fs::read_dir(class.at("..")).unwrap().count(), 2);
}

#[test]
fn a_batch_that_is_killed_goes_on_where_it_stopped() {
    if !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), Class::new());
    for number in 0..6 {
        class.file(&format!("student {number}/bitmap.rs"), skeleton(&format!("const _: u8 = {number};")));
    }
    class.batch(&copy, "whole", &["--jobs", "1"]).expect_code(0);
    let mut batch = class.command(&copy, "killed", &["--jobs", "1"]);
    let mut batch = batch.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let done = || fs::read_dir(class.out("killed").join("graded")).map_or(0, |files| files.count());
    while done() < 2 {
        assert!(batch.try_wait().unwrap().is_none(), "the batch ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    batch.kill().unwrap();
    batch.wait().unwrap();
    assert!(done() < 6, "it was too late");
    assert!(!class.out("killed").join("results.csv").exists());

    let times_of_all = || -> Vec<_> {
        let files = fs::read_dir(class.out("killed").join("graded")).unwrap().map(|entry| entry.unwrap());
        files.map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap())).collect()
    };
    let already = times_of_all();
    class.batch(&copy, "killed", &["--jobs", "1"]).expect_code(2).says("`--resume` continues the batch");
    // What a teacher keeps in the course's folder is no part of the course.
    copy.write("results/results.csv", "submission,status\n");
    class.batch(&copy, "killed", &["--jobs", "1", "--resume"]).expect_code(0);
    let now = times_of_all();
    let is_whole = |file: &&(PathBuf, _)| file.0.extension().is_some_and(|ending| ending == "json");
    assert!(already.iter().filter(is_whole).all(|file| now.contains(file)), "what was graded is not graded again");
    for name in ["results.csv", "results.json"] {
        let of = |out: &str| fs::read_to_string(class.out(out).join(name)).unwrap();
        assert_eq!(of("killed"), of("whole"));
    }
    class.batch(&copy, "killed", &["--regrade", "student 9"]).expect_code(2).says("no submission or lab");
    let time = |number: usize| {
        let mut files: Vec<_> =
            fs::read_dir(class.out("killed").join("graded")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        fs::metadata(&files[number]).unwrap().modified().unwrap()
    };
    let before: Vec<_> = (0..6).map(time).collect();
    class.batch(&copy, "killed", &["--regrade", "student 3"]).expect_code(0);
    assert_eq!((0..6).filter(|number| time(*number) != before[*number]).count(), 1);
}

/// The grader's program is built anew while it grades: `cargo grade` does that as soon as a file of it has changed.
#[test]
fn a_batch_goes_on_with_the_grader_that_it_was_begun_with() {
    if !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), Class::new());
    for number in 0..3 {
        class.file(&format!("student {number}/bitmap.rs"), skeleton(&format!("const _: u8 = {number};")));
    }
    let grader = class.out("grade");
    fs::copy(env!("CARGO_BIN_EXE_grade"), &grader).unwrap();
    let usual = class.command(&copy, "out", &["--jobs", "1"]);
    let mut command = Command::new(&grader);
    command.args(usual.get_args()).current_dir(copy.root());
    for (name, value) in usual.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut batch = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let done = || fs::read_dir(class.out("out").join("graded")).map_or(0, |files| files.count());
    while done() < 1 {
        assert!(batch.try_wait().unwrap().is_none(), "the batch ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    fs::remove_file(&grader).unwrap();
    write_program(&grader, "#!/bin/sh\necho another grader >&2\nexit 7\n");
    assert!(done() < 3, "it was too late");
    assert_eq!(batch.wait().unwrap().code(), Some(0));
    let rows = class.results("out")["submissions"].as_array().unwrap().clone();
    assert!(rows.len() == 3 && rows.iter().all(|row| row["status"] == "graded"), "{rows:#?}");
}

/// The lab of these tests, which is graded quickly, and a policy for it with this deadline.
fn policy(deadline: &str) -> String {
    format!(
        "title = \"Memory\"\nsecret = \"a secret of sixteen\"\nhidden = [\"break-mix\"]\n[late]\nper_day = 10\nuntil = \"2d\"\n\
         [[lab]]\nlab = \"04\"\npoints = 20\ndeadline = {deadline}\n"
    )
}

#[test]
fn a_policy_says_what_counts_and_reports_are_written_again_without_grading() {
    if !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), Class::new());
    let model = fs::read_to_string(course().join("labs/04-process-heap/solution/program_break.rs")).unwrap();
    class.file("alice/program_break.rs", &model);
    class.bundle("bob.bundle", "program_break.rs", &model);
    let file = class.out("policy.toml");
    fs::write(&file, policy("2001-01-01T00:00:00Z")).unwrap();
    let words = ["--policy", file.to_str().unwrap(), "--formats", "html,junit,gradescope,autolab,nbgrader"];
    // Bob's commit is of today; the time of alice's submission is unknown.
    class.batch(&copy, "out", &words).expect_code(0).says("labs of 2 submissions graded");
    let graded = || {
        let files = fs::read_dir(class.out("out/graded")).unwrap().map(|entry| entry.unwrap());
        let mut all: Vec<_> =
            files.map(|entry| (entry.path(), entry.metadata().unwrap().modified().unwrap())).collect();
        all.sort();
        all
    };
    assert_eq!(graded().len(), 2, "the same files with two seeds");
    let seeds: Vec<Value> =
        class.results("out")["submissions"].as_array().unwrap().iter().map(|row| row["seed"].clone()).collect();
    assert!(seeds[0].is_u64() && seeds[0] != seeds[1], "{seeds:?}");
    let score = |name: &str| -> Value {
        let text = fs::read_to_string(class.out("out/gradescope").join(name)).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["score"].clone()
    };
    assert_eq!([score("alice.json"), score("bob.json")], [20, 0].map(Value::from));
    let text = |name: &str| fs::read_to_string(class.out("out").join(name)).unwrap();
    assert!(text("html/students/bob.html").contains("late: 0 % of the points count"));
    assert!(!text("html/students/bob.html").contains("break-mix") && text("html/index.html").contains("break-mix"));
    assert!(text("nbgrader.csv").contains("bob,,,,20.0,20.0,0.0,20.0"), "{}", text("nbgrader.csv"));
    assert!(text("junit/class.xml").contains("bob.04-process-heap"));
    assert_eq!(text("autolab/alice.txt").trim(), r#"{"scores":{"04-process-heap":20},"scoreboard":[20,20]}"#);

    let before = graded();
    fs::write(&file, policy("2999-01-01T00:00:00Z")).unwrap();
    let out = class.out("out");
    let again = ["batch", "--out", out.to_str().unwrap(), "--report-only", "--policy", file.to_str().unwrap()];
    copy.grade(&[&again[..], &["--formats", "gradescope"]].concat()).expect_code(0).says("2 submissions: 2 graded");
    assert_eq!(score("bob.json"), 20);
    assert_eq!(graded(), before);

    fs::write(&file, policy("2999-01-01T00:00:00Z").replace("per_day = 10", "per_week = 10")).unwrap();
    copy.grade(&again).expect_code(2).says("policy.toml:5: unknown field `per_week`");
    let none = class.out("none");
    copy.grade(&["batch", "--out", none.to_str().unwrap(), "--report-only"])
        .expect_code(2)
        .says("there are no results in");
}

#[test]
fn one_submission_is_graded_inside_another_system_s_autograder() {
    if !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), Class::new());
    let model = fs::read_to_string(course().join("labs/04-process-heap/solution/program_break.rs")).unwrap();
    class.file("submission/program_break.rs", &model);
    let (metadata, results) = (class.out("submission_metadata.json"), class.out("results.json"));
    fs::write(
        &metadata,
        r#"{"created_at": "2026-10-12T23:59:00.000000-07:00", "users": [{"email": "a@b.org", "id": 1}]}"#,
    )
    .unwrap();
    let submission = class.at("submission");
    let mut words = vec!["submission", submission.to_str().unwrap(), "--lab", "04"];
    if !has_bubblewrap() {
        words.push("--unsafe-no-sandbox");
    }
    let gradescope =
        ["--format", "gradescope", "--metadata", metadata.to_str().unwrap(), "--to", results.to_str().unwrap()];
    copy.grade(&[&words[..], &gradescope].concat()).expect_code(0);
    let result: Value = serde_json::from_str(&fs::read_to_string(&results).unwrap()).unwrap();
    assert_eq!(result["score"], 100, "{result:#}");
    assert!(result["tests"].as_array().unwrap().iter().all(|test| test["score"] == test["max_score"]), "{result:#}");

    let ran = copy.grade(&[&words[..], &["--format", "autolab"]].concat()).expect_code(0);
    assert_eq!(ran.stdout.lines().last(), Some(r#"{"scores":{"04-process-heap":100},"scoreboard":[100,100]}"#));
    // If the result cannot be computed, none is written, and no older one is left.
    copy.grade(&[&words[..], &["--format", "classroom50", "--to", results.to_str().unwrap()]].concat())
        .expect_code(2)
        .says("is not set; Classroom 50's runner sets it");
    assert!(!results.exists());
}

#[test]
fn a_folder_that_is_no_class_is_told_in_a_line() {
    let (copy, class) = (Copy::new(), Class::new());
    class.batch(&copy, "out", &[]).expect_code(2).says("there are no submissions in");
    class.file(LAB_01, "");
    class.batch(&copy, "out", &[]).expect_code(2).says("is one submission");
    class.batch(&copy, "class/out", &[]).expect_code(2).says("the results would lie among the submissions");
    assert!(!class.out("out").exists());
}

#[test]
fn nothing_but_the_course_and_its_tools_is_in_reach_of_a_submission() {
    if !has_bubblewrap() || !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), Class::new());
    class.file("alice/bitmap.rs", skeleton(""));
    let secret = class.out("secret");
    fs::write(&secret, "").unwrap();
    // A teacher's results, kept in the course's folder.
    copy.write("results/alice.json", "");
    let folder = tempfile::tempdir().unwrap();
    let emulator = folder.path().join("qemu-system-i386");
    let course = target_dir().join("staged/batch/0/course");
    // A program inside the sandbox, in the place of the emulator, tries to reach everything.
    let tries = [
        ("passwd", "cat /etc/passwd".to_owned()),
        ("secret", format!("cat {}", secret.display())),
        ("class", format!("ls {}", class.at("alice").display())),
        ("reference", format!("ls {}/labs/01-pmm/solution/*", course.display())),
        ("results", format!("cat {}/results/alice.json", course.display())),
        ("course", format!("touch {}/README.md", course.display())),
        ("tools", "touch /usr/bin/tool".to_owned()),
        ("network", "grep -v lo: /proc/net/dev | grep :".to_owned()),
        ("processes", format!("ls /proc/{}", std::process::id())),
        ("other", format!("ls {}/labs/02-vmm/solution/*", course.display())),
    ];
    let script: String = tries.iter().map(|(name, what)| format!("{what} >&2 && echo {name} >> /tmp/had\n")).collect();
    let says = "for word; do case \"$word\" in --version) echo 'QEMU emulator version 7.2.22'; exit 0;; help) exit 0;; esac; done\n";
    write_program(&emulator, &format!("#!/bin/sh\n{says}{script}echo no machine >&2; exit 1\n"));
    let mut command = class.command(&copy, "out", &["--jobs", "1"]);
    Ran::of(command.env("FOLIO_QEMU", &emulator)).expect_code(2).says("no machine");
    let had = fs::read_to_string(Path::new(&target_dir()).join("staged/batch/0/scratch/had")).unwrap();
    // The references of the other labs, with which a lab is graded.
    assert!(had.lines().all(|line| line == "other") && had.contains("other"), "{had}");
}

/// A cluster of this computer alone: `sbatch`, `squeue` and `scancel` as scripts on `PATH`, and a folder for their
/// notes.
struct Fake {
    folder: tempfile::TempDir,
}

/// An `sbatch` that runs the tasks one after the other, and then prints the job's number, as if they were quick. `before` runs before each.
const SBATCH: &str = r#"#!/bin/sh
echo "$@" >> "$FAKE/submitted"
for word; do
    case $word in
        --array=0-*) last=${word#--array=0-} ;;
        --chdir=*) cd "${word#--chdir=}" || exit 1 ;;
    esac
    script=$word
done
submission=$(wc -l < "$FAKE/submitted")
number=0
while [ "$number" -le "$last" ]; do
    export SLURM_ARRAY_TASK_ID=$number
    BEFORE
    sh "$script" > "$number.log" 2>&1
    number=$((number + 1))
done
echo 71
"#;

impl Fake {
    /// A cluster that runs this before each task, and whose `squeue` prints this.
    fn new(before: &str, squeue: &str) -> Self {
        let fake = Self { folder: tempfile::tempdir().unwrap() };
        let programs = [
            ("sbatch", SBATCH.replace("BEFORE", before)),
            ("squeue", format!("#!/bin/sh\n{squeue}\n")),
            ("scancel", "#!/bin/sh\necho \"$@\" >> \"$FAKE/cancelled\"\n".to_owned()),
        ];
        for (name, text) in programs {
            write_program(&fake.folder.path().join(name), &text);
        }
        fake
    }

    /// The notes of a script.
    fn noted(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The grader as a command on the class, with these programs on `PATH`.
    fn command(&self, class: &Class, copy: &Copy, out: &str, words: &[&str]) -> Command {
        let mut command = class.command(copy, out, &[&["--engine", "slurm"], words].concat());
        let own = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{own}", self.folder.path().display())).env("FAKE", self.folder.path());
        command
    }
}

/// A class with submissions for the quickly graded lab: a correct one, a wrong one, and one that does not compile.
fn small_class() -> Class {
    let class = Class::new();
    let of_course = |file: &str| fs::read_to_string(course().join(file)).unwrap();
    let model = of_course("labs/04-process-heap/solution/program_break.rs");
    class.file("alice/program_break.rs", &model);
    class.file("bob/program_break.rs", of_course("labs/04-process-heap/src/program_break.rs"));
    class.file("carol/program_break.rs", format!("{model}\ncompile_error!(\"not yet\");\n"));
    class.file("dan/notes.txt", "");
    class
}

/// The tables of a class, which have no times.
fn tables(class: &Class, out: &str) -> [String; 2] {
    ["results.csv", "results.json"].map(|name| fs::read_to_string(class.out(out).join(name)).unwrap())
}

#[test]
fn a_cluster_comes_to_the_same_though_one_of_its_nodes_dies() {
    if !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), small_class());
    class.batch(&copy, "local", &["--jobs", "2"]).expect_code(0);
    // The first task of the first array ends early, as if its node had died.
    let fake = Fake::new("[ $submission$number = 10 ] && { number=1; continue; }", "exit 0");
    let words = ["--jobs", "2", "--slurm-option=--partition=a b", "--slurm-option", "--mem=2G"];
    let mut command = fake.command(&class, &copy, "slurm", &words);
    Ran::of(&mut command).expect_code(0).says("did not arrive from Slurm: submitted again").says("2 graded");
    assert_eq!(tables(&class, "slurm"), tables(&class, "local"));
    let submitted = fake.noted("submitted");
    let arrays: Vec<&str> = submitted.lines().collect();
    assert!(
        arrays.len() == 2 && arrays[0].contains("--array=0-1 ") && arrays[0].contains(" --partition=a b --mem=2G ")
    );
    assert_eq!(fake.noted("cancelled"), "", "what has ended is not cancelled");
    assert!(!class.out("slurm/slurm").exists(), "nothing is left over");

    // Existing results are not graded again, unless that is requested.
    Ran::of(&mut fake.command(&class, &copy, "slurm", &["--resume"])).expect_code(0);
    assert_eq!(fake.noted("submitted"), submitted);
    Ran::of(&mut fake.command(&class, &copy, "slurm", &["--regrade", "alice"])).expect_code(0);
    assert_eq!(fake.noted("submitted").lines().skip(2).filter(|line| line.contains("--array=0-0 ")).count(), 1);
    assert_eq!(tables(&class, "slurm"), tables(&class, "local"));
}

#[test]
fn what_a_cluster_loses_again_and_again_is_named() {
    if !has_solutions() {
        return;
    }
    let (copy, class) = (Copy::new(), Class::new());
    class.file("alice/program_break.rs", "");
    // Slurm's controller fails to answer once, which must not end the batch.
    let silent = "[ -e \"$FAKE/asked\" ] || { touch \"$FAKE/asked\"; echo 'squeue: error: no contact' >&2; exit 1; }";
    let fake = Fake::new("number=1; continue", silent);
    let mut command = fake.command(&class, &copy, "lost", &[]);
    Ran::of(&mut command)
        .expect_code(2)
        .says("Slurm says: squeue: error: no contact; waiting")
        .says("Slurm lost it 3 times");
    assert_eq!(class.results("lost")["submissions"][0]["status"], "not_graded");
    assert_eq!(fake.noted("submitted").lines().count(), 3);
    // A node with other tools reports that, and grades nothing.
    let fake = Fake::new("sed -i 's/\"course /\"other /' \"0/slice.json\"", "exit 0");
    let mut command = fake.command(&class, &copy, "other", &[]);
    Ran::of(&mut command).expect_code(2).says("another course, compiler or emulator than the batch");
    let fake = Fake::new("echo 'sbatch: error: no partition' >&2; exit 1", "exit 0");
    let mut command = fake.command(&class, &copy, "refused", &[]);
    Ran::of(&mut command).expect_code(2).says("Slurm does not take the array").says("sbatch: error: no partition");
}

#[test]
fn an_array_is_cancelled_when_the_batch_ends_before_it() {
    if !has_solutions() {
        return;
    }
    use rustix::process::{Pid, Signal, kill_process};
    let (copy, class) = (Copy::new(), Class::new());
    class.file("alice/program_break.rs", "");
    for signal in [Signal::INT, Signal::KILL] {
        let fake = Fake::new("break", "touch \"$FAKE/asked\"; echo R");
        let mut command = fake.command(&class, &copy, "out", &["--regrade", "all"]);
        let mut batch = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !fake.folder.path().join("asked").exists() {
            assert!(batch.try_wait().unwrap().is_none(), "the batch ended by itself");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        kill_process(Pid::from_child(&batch), signal).unwrap();
        batch.wait().unwrap();
        while fake.noted("cancelled") != "71\n" {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

#[test]
fn slurm_where_there_is_none_is_told_in_a_line() {
    let (copy, class) = (Copy::new(), Class::new());
    class.file("alice/program_break.rs", "");
    // Everything on PATH except Slurm.
    let programs = tempfile::tempdir().unwrap();
    for folder in std::env::split_paths(&std::env::var_os("PATH").unwrap()) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name() != "sbatch" {
                let _ = symlink(entry.path(), programs.path().join(entry.file_name()));
            }
        }
    }
    let mut command = class.command(&copy, "out", &["--engine", "slurm"]);
    Ran::of(command.env("PATH", programs.path())).expect_code(2).says("there is no `sbatch` here; submit from");
    assert!(!class.out("out").exists());
    class.batch(&copy, "out", &["--slurm-option=--mem=1G"]).expect_code(2).says("add --engine slurm");
}
