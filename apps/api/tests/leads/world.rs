//! What these tests have in common.

use std::sync::Arc;
use std::time::Duration;

use auth::Role;
use families::Kind;
use kernel::Timestamp;
use lead::ports::{DEPTHS_MAX_AGE, ReceiveAsk};
use lead::{RetryPolicy, StoreLeads};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::fixtures::unique;

use crate::support::{Answer, Api};

pub(crate) const SYNC: &str = "/api/v1/lead/process";
pub(crate) const ASYNC: &str = "/api/v1/lead/process-async";
pub(crate) const BULK: &str = "/api/v1/leads/process-bulk";

/// A server, and the tokens of an admin and a user.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) admin: String,
    pub(crate) user: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::of(Api::start().await).await
    }

    /// Over adapters that can be hurt.
    pub(crate) async fn over_doubles() -> Self {
        Self::of(Api::over_doubles().await).await
    }

    pub(crate) async fn of(api: Api) -> Self {
        let admin = api.token(Role::Admin).await;
        let user = api.token(Role::User).await;
        Self { api, admin, user }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.api.post(path, &self.user, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.api.get(path, &self.admin).await
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.api.request(Method::POST, path).bearer_auth(&self.user);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Api::send(request.body(body)).await
    }

    /// Messages that wait.
    pub(crate) async fn queued(&self) -> u64 {
        if self.api.kind() == Kind::Production {
            // The monitor of the broker keeps what it saw.
            tokio::time::sleep(DEPTHS_MAX_AGE).await;
        }
        let depths = self.api.ports.monitor.depths().await.unwrap();
        depths.iter().map(|it| it.ready).sum()
    }

    /// Leads in the store.
    pub(crate) async fn stored(&self) -> u64 {
        self.api
            .ports
            .finder
            .stats(Timestamp::from_unix_ms(0))
            .await
            .unwrap()
            .total()
    }

    pub(crate) async fn assert_untouched(&self) {
        assert_eq!((self.stored().await, self.queued().await), (0, 0));
    }

    /// Stores everything that waits.
    pub(crate) async fn work(&self) {
        let ports = &self.api.ports;
        let worker = StoreLeads::new(
            ports.store.clone(),
            ports.cache.clone(),
            ports.clock.clone(),
            Arc::clone(&ports.ids),
            RetryPolicy::default(),
        );
        let ask = ReceiveAsk {
            max_leads: 1_000,
            wait: Duration::from_secs(1),
            linger: Duration::ZERO,
        };
        while self.queued().await > 0 {
            let deliveries = ports.consumer.receive(ask).await.unwrap();
            let settled = worker.run(&deliveries).await.unwrap();
            ports.consumer.settle(settled).await.unwrap();
        }
    }
}

/// A lead that nobody sent before.
pub(crate) fn any_lead() -> Value {
    lead_of(&format!("{}@example.com", unique()))
}

pub(crate) fn lead_of(email: &str) -> Value {
    json!({"firstName": "Ada", "lastName": "Lovelace", "email": email})
}

/// A lead with more in it, as text, since not everything can be said by a JSON value.
pub(crate) fn lead_with(rest: &str) -> String {
    any_lead().to_string().replace('}', &format!(",{rest}}}"))
}

pub(crate) fn leads(count: usize) -> Vec<Value> {
    (0..count).map(|_| any_lead()).collect()
}

/// `pointer code` of each error.
pub(crate) fn errors(answer: &Answer) -> Vec<String> {
    answer.json()["errors"]
        .as_array()
        .map(|it| {
            it.iter()
                .map(|it| {
                    let place = it.get("pointer").or(it.get("parameter")).unwrap();
                    format!(
                        "{} {}",
                        place.as_str().unwrap(),
                        it["code"].as_str().unwrap()
                    )
                })
                .collect()
        })
        .unwrap_or_default()
}
