//! `AccountStore`: names, changes, sessions.

use std::sync::Arc;
use std::time::Duration;

use auth::ports::{AccountStore, Added, Session};
use auth::{
    Account, AccountChange, EmailAddress, NewAccount, PasswordHash, Role, Roles, TokenId, Username,
};
use kernel::{Timestamp, UserId};

use crate::fixtures::{any_account, any_id, any_user, now, unique};

suite! {
    ($)
    /// What `AccountStore` promises. Takes a future of an `Arc` of the port.
    account_store_contract, account_store:
    account_store {
        an_added_account_comes_back_whole,
        an_unknown_account_is_none,
        a_name_is_found_without_regard_to_case,
        a_name_that_differs_in_case_is_taken,
        an_email_that_differs_in_case_is_taken,
        adding_again_changes_nothing,
        of_rivals_for_one_name_one_is_added,
        rivals_that_add_in_opposite_order_agree,
        pages_are_in_order_of_ids,
        a_change_changes_what_it_says_and_nothing_else,
        a_sign_in_is_noted,
        a_session_tells_status_and_roles,
        a_revoked_token_stays_revoked_and_others_are_good,
        revoking_forgets_no_token_that_still_counts,
    }
}

fn account_of(new: &NewAccount) -> Account {
    let NewAccount {
        id,
        username,
        email,
        password,
        roles,
        created_at,
    } = new.clone();
    Account {
        id,
        username,
        email,
        password,
        roles,
        is_active: true,
        created_at,
        last_login_at: None,
    }
}

async fn added<S: AccountStore>(store: &Arc<S>) -> NewAccount {
    let new = any_account();
    assert_eq!(store.add(&new).await.unwrap(), Added::Yes);
    new
}

async fn by_id<S: AccountStore>(store: &Arc<S>, user: UserId) -> Account {
    store.by_id(user).await.unwrap().expect("an account")
}

/// Under its id and its name; active, never signed in.
pub async fn an_added_account_comes_back_whole<S: AccountStore>(store: &Arc<S>) {
    let new = NewAccount {
        username: Username::parse(&format!("Zoë.🦀.{}", unique())).unwrap(),
        email: EmailAddress::parse(&format!("Zoë.{}@Example.com", unique())).unwrap(),
        roles: Roles::new(Role::ALL).unwrap(),
        password: PasswordHash::new("$2b$12$'\"%_".to_owned()),
        ..any_account()
    };
    assert_eq!(store.add(&new).await.unwrap(), Added::Yes);

    assert_eq!(by_id(store, new.id).await, account_of(&new));
    let found = store.by_username(&new.username).await.unwrap();
    assert_eq!(found, Some(account_of(&new)));
}

/// Whatever is asked of it.
pub async fn an_unknown_account_is_none<S: AccountStore>(store: &Arc<S>) {
    let unknown = any_account();
    assert_eq!(store.by_id(unknown.id).await.unwrap(), None);
    assert_eq!(store.by_username(&unknown.username).await.unwrap(), None);
    let change = AccountChange {
        is_active: Some(false),
        ..AccountChange::default()
    };
    assert_eq!(store.change(unknown.id, &change).await.unwrap(), None);
    assert_eq!(
        store.session(unknown.id, TokenId(any_id())).await.unwrap(),
        None
    );
    store.signed_in(unknown.id, now()).await.unwrap();
    assert_eq!(store.by_id(unknown.id).await.unwrap(), None);
}

/// In any script; accents count.
pub async fn a_name_is_found_without_regard_to_case<S: AccountStore>(store: &Arc<S>) {
    let tail = unique();
    for (held, asked, other) in [
        ("Ada", "aDA", "adá"),
        ("ÄNNE", "änne", "anne"),
        ("Жанна", "жАННА", "жана"),
    ] {
        let name = |text: &str| Username::parse(&format!("{text}{tail}")).unwrap();
        let new = NewAccount {
            username: name(held),
            ..any_account()
        };
        store.add(&new).await.unwrap();

        let found = store.by_username(&name(asked)).await.unwrap();
        assert_eq!(found, Some(account_of(&new)));
        assert_eq!(store.by_username(&name(other)).await.unwrap(), None);
    }
}

/// And nothing is overwritten.
pub async fn a_name_that_differs_in_case_is_taken<S: AccountStore>(store: &Arc<S>) {
    let held = added(store).await;
    let shouted = Username::parse(&held.username.as_str().to_uppercase()).unwrap();
    let other = NewAccount {
        username: shouted,
        ..any_account()
    };

    assert_eq!(store.add(&other).await.unwrap(), Added::UsernameTaken);
    assert_eq!(store.by_id(other.id).await.unwrap(), None);
    assert_eq!(by_id(store, held.id).await, account_of(&held));
}

/// And nothing is overwritten.
pub async fn an_email_that_differs_in_case_is_taken<S: AccountStore>(store: &Arc<S>) {
    let held = added(store).await;
    let shouted = EmailAddress::parse(&held.email.as_str().to_uppercase()).unwrap();
    let other = NewAccount {
        email: shouted,
        ..any_account()
    };

    assert_eq!(store.add(&other).await.unwrap(), Added::EmailTaken);
    assert_eq!(store.by_id(other.id).await.unwrap(), None);
    assert_eq!(by_id(store, held.id).await, account_of(&held));
}

/// Not even what was changed since.
pub async fn adding_again_changes_nothing<S: AccountStore>(store: &Arc<S>) {
    let new = added(store).await;
    let change = AccountChange {
        is_active: Some(false),
        ..AccountChange::default()
    };
    let changed = store.change(new.id, &change).await.unwrap();

    assert_eq!(store.add(&new).await.unwrap(), Added::Yes);
    assert_eq!(store.by_id(new.id).await.unwrap(), changed);
}

/// All the others are told that the name is taken.
pub async fn of_rivals_for_one_name_one_is_added<S: AccountStore>(store: &Arc<S>) {
    let username = any_account().username;
    let mut rivals = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let new = NewAccount {
            username: username.clone(),
            ..any_account()
        };
        let store = Arc::clone(store);
        rivals.spawn(async move { (new.id, store.add(&new).await.unwrap()) });
    }
    let answers = rivals.join_all().await;

    let winners: Vec<UserId> = answers
        .iter()
        .filter(|(_, it)| *it == Added::Yes)
        .map(|(id, _)| *id)
        .collect();
    let taken = answers
        .iter()
        .filter(|(_, it)| *it == Added::UsernameTaken)
        .count();
    assert_eq!((winners.len(), taken), (1, 9));
    let holder = store.by_username(&username).await.unwrap().unwrap();
    assert_eq!(holder.id, winners[0]);
}

/// Two set-ups that add the same names.
pub async fn rivals_that_add_in_opposite_order_agree<S: AccountStore>(store: &Arc<S>) {
    let ours: Vec<NewAccount> = (0..20).map(|_| any_account()).collect();
    let theirs: Vec<NewAccount> = ours
        .iter()
        .rev()
        .map(|it| NewAccount {
            id: any_user(),
            ..it.clone()
        })
        .collect();
    let add_all = |accounts: Vec<NewAccount>| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut answers = Vec::new();
            for account in accounts {
                answers.push(store.add(&account).await.unwrap() == Added::Yes);
            }
            answers
        })
    };
    let (left, right) = tokio::join!(add_all(ours.clone()), add_all(theirs));

    let right = right.unwrap().into_iter().rev();
    for ((account, one), other) in ours.iter().zip(left.unwrap()).zip(right) {
        assert!(one != other, "both or none were added");
        let holder = store.by_username(&account.username).await.unwrap().unwrap();
        assert_eq!(holder.id == account.id, one);
    }
}

/// Each once.
pub async fn pages_are_in_order_of_ids<S: AccountStore>(store: &Arc<S>) {
    let start = any_user();
    let mut added_ids = Vec::new();
    for _ in 0..5 {
        added_ids.push(added(store).await.id);
    }
    let (mut listed, mut after) = (Vec::new(), Some(start));
    loop {
        let page = store.list(after, 2).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        listed.extend(page.into_iter().map(|it| it.id));
    }
    assert_eq!(listed, added_ids);
    assert_eq!(store.list(None, 1).await.unwrap().len(), 1);
}

/// And gives the account back as it is then.
pub async fn a_change_changes_what_it_says_and_nothing_else<S: AccountStore>(store: &Arc<S>) {
    let new = added(store).await;
    let mut expected = account_of(&new);
    let both = Roles::new(Role::ALL).unwrap();
    let hash = PasswordHash::new("another".to_owned());

    let change = AccountChange {
        roles: Some(both),
        ..AccountChange::default()
    };
    expected.roles = both;
    assert_eq!(
        store.change(new.id, &change).await.unwrap(),
        Some(expected.clone())
    );
    let change = AccountChange {
        password: Some(hash.clone()),
        ..AccountChange::default()
    };
    expected.password = hash;
    assert_eq!(
        store.change(new.id, &change).await.unwrap(),
        Some(expected.clone())
    );
    for is_active in [false, true] {
        let change = AccountChange {
            is_active: Some(is_active),
            ..AccountChange::default()
        };
        expected.is_active = is_active;
        assert_eq!(
            store.change(new.id, &change).await.unwrap(),
            Some(expected.clone())
        );
    }
    let nothing = AccountChange::default();
    assert_eq!(
        store.change(new.id, &nothing).await.unwrap(),
        Some(expected.clone())
    );
    assert_eq!(by_id(store, new.id).await, expected);
}

/// To the millisecond, and the last counts.
pub async fn a_sign_in_is_noted<S: AccountStore>(store: &Arc<S>) {
    let new = added(store).await;
    for at in [now(), now().plus(Duration::from_millis(1))] {
        store.signed_in(new.id, at).await.unwrap();
        let expected = Account {
            last_login_at: Some(at),
            ..account_of(&new)
        };
        assert_eq!(by_id(store, new.id).await, expected);
    }
}

/// As they are now.
pub async fn a_session_tells_status_and_roles<S: AccountStore>(store: &Arc<S>) {
    let new = added(store).await;
    let token = TokenId(any_id());
    let mut expected = Session {
        is_active: true,
        roles: new.roles,
        is_revoked: false,
    };
    assert_eq!(store.session(new.id, token).await.unwrap(), Some(expected));

    expected.is_active = false;
    expected.roles = Roles::new([Role::Admin]).unwrap();
    let change = AccountChange {
        is_active: Some(false),
        roles: Some(expected.roles),
        password: None,
    };
    store.change(new.id, &change).await.unwrap();
    assert_eq!(store.session(new.id, token).await.unwrap(), Some(expected));
}

/// Revoking again changes nothing.
pub async fn a_revoked_token_stays_revoked_and_others_are_good<S: AccountStore>(store: &Arc<S>) {
    let new = added(store).await;
    let (revoked, good, now) = (TokenId(any_id()), TokenId(any_id()), now());
    let ends_at = now.plus(Duration::from_hours(1));

    for at in [now, now.plus(Duration::from_secs(1))] {
        store.revoke(revoked, ends_at, at).await.unwrap();
        assert!(
            store
                .session(new.id, revoked)
                .await
                .unwrap()
                .unwrap()
                .is_revoked
        );
        assert!(
            !store
                .session(new.id, good)
                .await
                .unwrap()
                .unwrap()
                .is_revoked
        );
    }
}

/// Only those of tokens that ended may go.
pub async fn revoking_forgets_no_token_that_still_counts<S: AccountStore>(store: &Arc<S>) {
    let new = added(store).await;
    let (first, now) = (TokenId(any_id()), now());
    let ends_at = now.plus(Duration::from_secs(10));
    store.revoke(first, ends_at, now).await.unwrap();

    let other_ends_at = Timestamp::MAX;
    store
        .revoke(TokenId(any_id()), other_ends_at, ends_at)
        .await
        .unwrap();
    assert!(
        store
            .session(new.id, first)
            .await
            .unwrap()
            .unwrap()
            .is_revoked
    );
}
