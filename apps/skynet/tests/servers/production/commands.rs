//! The commands of an operator, beside running programs and without.

use serde_json::json;

use crate::place::{Place, terminated, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works_over_the_servers() {
    let place = Place::new().await;
    let nowhere = [("SKYNET_BIND", "127.0.0.1:9")];
    let doctor = place.run("skynet", &["doctor"], &nowhere).await;
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.out.contains("skynet migrate"), "{doctor:?}");
    place.run("skynet", &["migrate"], &nowhere).await.ok();
    place.run("skynet", &["migrate"], &nowhere).await.ok();

    let mut node = place.start_api().once_ready().await;
    let mut worker = place.start_worker();
    let here = [("SKYNET_BIND", node.address.as_str())];
    let add = [
        "user",
        "add",
        "grace",
        "--email",
        "grace@example.com",
        "--role",
        "admin",
    ];
    let from = ["--password-env", "GRACE"];
    let grace = [here[0], ("GRACE", "correct horse")];
    place
        .run("skynet", &[&add[..], &from[..]].concat(), &grace)
        .await
        .ok();
    let sign_in = async || {
        let body = json!({"username": "grace", "password": "correct horse"});
        node.api
            .post("/api/v1/login", body.to_string())
            .await
            .0
            .as_u16()
    };
    assert_eq!(sign_in().await, 200);
    place
        .run("skynet", &["user", "disable", "grace"], &here)
        .await
        .ok();
    assert_eq!(sign_in().await, 401);
    place
        .run("skynet", &["user", "enable", "GRACE"], &here)
        .await
        .ok();
    assert_eq!(sign_in().await, 200);
    let users = place.run("skynet", &["user", "list"], &here).await.ok();
    assert!(
        users.contains("grace") && users.contains("api_user"),
        "{users}"
    );

    let file = place.folder().join("leads.csv");
    std::fs::write(
        &file,
        "firstName,lastName,email\nAda,L,a@example.com\nGrace,H,no-address\nAlan,T,b@example.com\n",
    )
    .unwrap();
    let import = place.run("skynet", &["import", "leads.csv"], &here).await;
    assert!(
        import.err.contains("2 stored") || import.out.contains("2 stored"),
        "{import:?}"
    );
    let exported = place.run("skynet", &["export"], &here).await.ok();
    assert!(exported.contains("b@example.com"), "{exported}");
    until("a worker consumes", async || {
        let stats = place.run("skynet", &["queue", "stats"], &here).await.ok();
        stats.lines().any(|line| {
            let cells: Vec<&str> = line.split_whitespace().collect();
            matches!(cells[..], ["leads.work.v1", "0", "unknown", "1"])
        })
    })
    .await;
    let failed = place.run("skynet", &["failed", "list"], &here).await.ok();
    assert!(failed.contains("0 of 0"), "{failed}");
    place
        .run("skynet", &["failed", "replay", "--all"], &here)
        .await
        .ok();
    place.run("skynet", &["cache", "warm"], &here).await.ok();
    place.run("skynet", &["cache", "clear"], &here).await.ok();
    let doctor = place.run("skynet", &["doctor"], &here).await.ok();
    for part in [
        "ready at",
        "2 leads",
        "1 workers",
        "shared by all nodes",
        "an active admin",
    ] {
        assert!(doctor.contains(part), "{part}: {doctor}");
    }

    assert_eq!(terminated(&mut worker).await.code(), Some(0));
    assert_eq!(terminated(&mut node.process).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_whose_servers_are_away_fails_with_one_line() {
    let nowhere = [("SKYNET_BIND", "127.0.0.1:9")];
    let mut place = Place::new().await;
    place.servers.database.stop().await;
    place.servers.cache.stop().await;
    for command in [
        &["user", "list"][..],
        &["migrate"],
        &["export"],
        &["cache", "clear"],
    ] {
        let ended = place.run("skynet", command, &nowhere).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    }
    let doctor = place.run("skynet", &["doctor"], &nowhere).await;
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    for part in ["store", "cache"] {
        let line = doctor.out.lines().find(|it| it.starts_with(part)).unwrap();
        assert!(
            line.contains("WRONG") && line.contains("cannot be reached"),
            "{line}"
        );
    }
}
