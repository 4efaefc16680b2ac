use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auth::ports::{AccountStore, HashError, PasswordHasher};
use auth::{
    AccountChange, Authenticate, AuthenticateError, NewAccount, NewPassword, PasswordHash, Role,
    Roles, SESSION_MAX_AGE, SignIn, SignInError, Verified,
};
use kernel::{Clock, Secret};
use testkit::fixtures::any_account;
use testkit::memory::{Family, family};
use testkit::mocks::BusyHasher;

const LIFE: Duration = Duration::from_hours(1);

/// Counts verifications without a hash; nothing matches.
#[derive(Default)]
struct CountingHasher(AtomicU32);

#[async_trait]
impl PasswordHasher for CountingHasher {
    async fn hash(&self, _: &NewPassword) -> Result<PasswordHash, HashError> {
        Err(HashError::Busy)
    }

    async fn verify(
        &self,
        _: &Secret<String>,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, HashError> {
        assert!(hash.is_none());
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(false)
    }
}

struct World {
    all: Family,
    account: NewAccount,
    sign_in: SignIn,
    here: Authenticate,
    elsewhere: Authenticate,
}

impl World {
    async fn new() -> Self {
        let all = family();
        let account = any_account();
        all.accounts.add(&account).await.unwrap();
        let node = || {
            Authenticate::new(
                all.accounts.clone(),
                all.tokens.clone(),
                all.clock.clone() as Arc<dyn Clock>,
            )
        };
        Self {
            sign_in: SignIn::new(
                all.accounts.clone(),
                all.hasher.clone(),
                all.tokens.clone(),
                all.clock.clone() as Arc<dyn Clock>,
                Arc::clone(&all.ids),
                LIFE,
            ),
            here: node(),
            elsewhere: node(),
            account,
            all,
        }
    }

    async fn try_sign_in(&self, name: &str, password: &str) -> Result<auth::SignedIn, SignInError> {
        self.sign_in
            .run(name, &Secret::new(password.to_owned()))
            .await
    }

    async fn token(&self) -> String {
        let name = self.account.username.as_str();
        let signed_in = self.try_sign_in(name, "password123").await.unwrap();
        signed_in.token.expose().clone()
    }

    async fn change(&self, change: AccountChange) {
        self.all
            .accounts
            .change(self.account.id, &change)
            .await
            .unwrap();
    }

    async fn disable(&self) {
        let is_active = Some(false);
        self.change(AccountChange {
            is_active,
            ..AccountChange::default()
        })
        .await;
    }
}

#[tokio::test]
async fn the_right_password_gives_a_token_that_says_who_one_is() {
    let world = World::new().await;
    let name = world.account.username.as_str().to_uppercase();
    let signed_in = world.try_sign_in(&name, "password123").await.unwrap();
    assert_eq!(signed_in.account.id, world.account.id);
    assert_eq!(signed_in.token_life, LIFE);
    assert_eq!(signed_in.account.last_login_at, Some(world.all.clock.now()));
    let kept = world
        .all
        .accounts
        .by_id(world.account.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.last_login_at, Some(world.all.clock.now()));

    let principal = world.here.run(signed_in.token.expose()).await.unwrap();
    assert_eq!(
        (principal.user, principal.verified),
        (world.account.id, Verified::Account)
    );
    assert_eq!(principal.roles, world.account.roles);
}

#[tokio::test]
async fn every_sign_in_has_a_token_of_its_own() {
    let world = World::new().await;
    let (one, two) = (world.token().await, world.token().await);
    world.here.revoke(&one).await.unwrap();
    assert!(world.here.run(&one).await.is_err());
    assert!(world.here.run(&two).await.is_ok());
}

#[tokio::test]
async fn unknown_names_wrong_passwords_and_disabled_accounts_are_refused_alike() {
    let world = World::new().await;
    let name = world.account.username.as_str();
    for (name, password) in [
        (name, "wrong password"),
        ("nobody", "password123"),
        ("", ""),
        ("a b", "password123"),
    ] {
        let error = world.try_sign_in(name, password).await.unwrap_err();
        assert!(matches!(error, SignInError::Refused), "{error:?}");
    }
    world.disable().await;
    let error = world.try_sign_in(name, "password123").await.unwrap_err();
    assert!(matches!(error, SignInError::Refused));
}

#[tokio::test]
async fn an_unknown_name_costs_one_verification_too() {
    let world = World::new().await;
    let hasher = Arc::new(CountingHasher::default());
    let sign_in = SignIn::new(
        world.all.accounts.clone(),
        hasher.clone(),
        world.all.tokens.clone(),
        world.all.clock.clone() as Arc<dyn Clock>,
        Arc::clone(&world.all.ids),
        LIFE,
    );
    for name in ["nobody", "!"] {
        let error = sign_in
            .run(name, &Secret::new("x".to_owned()))
            .await
            .unwrap_err();
        assert!(matches!(error, SignInError::Refused));
    }
    assert_eq!(hasher.0.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn too_many_sign_ins_at_once_are_busy_and_not_refused() {
    let world = World::new().await;
    let sign_in = SignIn::new(
        world.all.accounts.clone(),
        Arc::new(BusyHasher),
        world.all.tokens.clone(),
        world.all.clock.clone() as Arc<dyn Clock>,
        Arc::clone(&world.all.ids),
        LIFE,
    );
    let error = sign_in
        .run("nobody", &Secret::new("x".to_owned()))
        .await
        .unwrap_err();
    assert!(matches!(error, SignInError::Busy));
}

#[tokio::test]
async fn a_sign_in_while_the_accounts_are_away_is_no_refusal() {
    let world = World::new().await;
    world.all.accounts.set_away(true);
    let error = world
        .try_sign_in("nobody", "password123")
        .await
        .unwrap_err();
    assert!(matches!(error, SignInError::Accounts(_)));
}

#[tokio::test]
async fn a_token_that_is_malformed_or_has_ended_is_refused() {
    let world = World::new().await;
    let token = world.token().await;
    for bad in ["", "x", &token[1..], &format!("{token}0")] {
        let error = world.here.run(bad).await.unwrap_err();
        assert!(matches!(error, AuthenticateError::Invalid), "{error:?}");
    }
    assert!(world.here.run(&token).await.is_ok());
    // Of one that is known to be good the end alone is not enough.
    let error = world.here.run(&token[1..]).await.unwrap_err();
    assert!(matches!(error, AuthenticateError::Invalid), "{error:?}");
    world.all.clock.advance(LIFE + Duration::from_secs(29));
    assert!(world.here.run(&token).await.is_ok());
    world.all.clock.advance(Duration::from_secs(2));
    let error = world.here.run(&token).await.unwrap_err();
    assert!(matches!(error, AuthenticateError::Expired), "{error:?}");
}

#[tokio::test]
async fn a_revoked_token_is_refused_here_at_once_and_elsewhere_within_five_seconds() {
    let world = World::new().await;
    let token = world.token().await;
    world.elsewhere.run(&token).await.unwrap();
    world.here.run(&token).await.unwrap();
    world.here.revoke(&token).await.unwrap();

    let error = world.here.run(&token).await.unwrap_err();
    assert!(matches!(error, AuthenticateError::Revoked));
    world.all.clock.advance(SESSION_MAX_AGE);
    assert!(world.elsewhere.run(&token).await.is_err());
    assert!(world.here.run(&token).await.is_err());
}

#[tokio::test]
async fn a_disabled_account_and_new_roles_count_within_five_seconds() {
    let world = World::new().await;
    let token = world.token().await;
    world.here.run(&token).await.unwrap();
    let roles = Roles::new([Role::Admin]);
    world
        .change(AccountChange {
            roles,
            ..AccountChange::default()
        })
        .await;
    world.all.clock.advance(SESSION_MAX_AGE);
    assert_eq!(Some(world.here.run(&token).await.unwrap().roles), roles);
    world.disable().await;
    world.all.clock.advance(SESSION_MAX_AGE);
    assert!(world.here.run(&token).await.is_err());
}

#[tokio::test]
async fn a_change_made_on_this_node_counts_at_once() {
    let world = World::new().await;
    let token = world.token().await;
    world.here.run(&token).await.unwrap();
    world.disable().await;
    world.here.forget(world.account.id);
    assert!(world.here.run(&token).await.is_err());
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_nothing_known_for_longer() {
    let world = World::new().await;
    let token = world.token().await;
    world.all.clock.advance(Duration::from_secs(20));
    world.here.run(&token).await.unwrap();
    world.disable().await;
    let now = world.all.clock.now();
    world.all.clock.set(now.minus(Duration::from_secs(10)));
    assert!(world.here.run(&token).await.is_err());
}

#[tokio::test]
async fn while_the_accounts_are_away_a_token_is_enough_unless_it_is_known_to_be_bad() {
    let world = World::new().await;
    let (fresh, revoked) = (world.token().await, world.token().await);
    world.here.revoke(&revoked).await.unwrap();
    world.all.accounts.set_away(true);
    world.all.clock.advance(Duration::from_mins(1));

    let principal = world.here.run(&fresh).await.unwrap();
    assert_eq!(
        (principal.user, principal.verified),
        (world.account.id, Verified::TokenOnly)
    );
    let error = world.here.run(&revoked).await.unwrap_err();
    assert!(matches!(error, AuthenticateError::Revoked));
    assert!(world.here.revoke(&fresh).await.is_err());
}

#[tokio::test]
async fn a_known_session_serves_an_outage_for_five_seconds_in_full() {
    let world = World::new().await;
    let token = world.token().await;
    world.here.run(&token).await.unwrap();
    world.all.accounts.set_away(true);
    assert_eq!(
        world.here.run(&token).await.unwrap().verified,
        Verified::Account
    );
    world.all.clock.advance(SESSION_MAX_AGE);
    assert_eq!(
        world.here.run(&token).await.unwrap().verified,
        Verified::TokenOnly
    );
}
