//! What the program leaves in its data directory is its owner's alone.

use crate::support::{Home, permissions};

#[tokio::test]
async fn files_are_for_nobody_else() {
    let home = Home::new();
    let serving = home.looms("serve --emulator").serve().await;
    serving.weave("s", "hi").await.unwrap();
    let found = permissions(home.data_dir().parent().unwrap());
    assert!(found.iter().any(|(path, ..)| path.ends_with("data/emulator/loom.db")), "{found:?}");
    assert!(found.iter().any(|(path, ..)| path.ends_with("data/emulator/loom.db-wal")), "{found:?}");
    for (path, is_dir, mode) in found {
        assert_eq!(mode, if is_dir { 0o700 } else { 0o600 }, "{}", path.display());
    }
    assert_eq!(serving.stop().await.code, Some(0));
}
