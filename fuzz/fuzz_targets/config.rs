//! The configuration: whatever stands in the file, it is taken, or refused in words.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use xmpp_oauth::config::parse;

/// Words by which a file would be named: none is read that the fuzzer makes up.
const NAMES_A_FILE: [&str; 4] = ["file", "\\u", "\\U", "\\x"];

fuzz_target!(|text: &str| {
    if NAMES_A_FILE.iter().any(|word| text.contains(word)) {
        return;
    }
    let folder = Path::new("/nonexistent");
    match parse(text, folder) {
        Ok(config) => {
            assert!(!config.xmpp.hosts.is_empty());
            assert_eq!(parse(text, folder).as_ref(), Ok(&config));
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            // behind the last line break is a line, too
            let lines = text.matches('\n').count() + 1;
            for problem in &error.problems {
                assert!(!problem.sentence.is_empty());
                let is_there = |line| (1..=lines).contains(&line);
                assert!(problem.line.is_none_or(is_there), "{problem:?}");
            }
        }
    }
});
