//! A cache that forgets.

use reqwest::{Method, StatusCode};

use super::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_is_flushed_lets_nobody_in_who_logged_out() {
    let mut scene = Scene::new().await;
    scene
        .tried("cache flushed", async |scene, load| {
            let gone = scene.nodes[0].api.sign_in().await;
            gone.post("/api/v1/logout", String::new()).await;
            for _ in 0..3 {
                let cache = &scene.place.servers.cache;
                assert_eq!(cache.command("FLUSHALL").await.unwrap(), "+OK");
                for node in &scene.nodes {
                    let api = gone.at(node.api_base());
                    let path = "/api/v1/user/profile";
                    let answer = api.try_call(Method::GET, path, String::new()).await;
                    let (status, answer) = answer.unwrap();
                    assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
                }
                scene.stores_and_finds().await;
                load.answered(20).await;
            }
            scene.recovers().await
        })
        .await;
    scene.ends().await;
}
