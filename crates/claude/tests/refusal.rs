//! Every refusal that AWS and Anthropic are known to send, as data: exception, status, sentence, and what it means.

/// One row a line; `#` begins a comment. The kind stands as its `Debug` prints it.
const ROWS: &str = include_str!("golden/refusals.tsv");

#[test]
fn each_known_refusal_has_its_kind() {
    let mut rows = 0;
    for line in ROWS.lines().filter(|line| !line.starts_with('#')) {
        let [exception, status, message, kind] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four columns expected: {line}");
        };
        let decoded = claude::decode_refusal(exception, status.parse().unwrap(), message);
        assert_eq!(format!("{decoded:?}"), kind, "{line}");
        rows += 1;
    }
    assert!(rows > 50, "the table lost its rows");
}
