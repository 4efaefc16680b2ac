//! `skynet user`: accounts, straight in the store, beside a running server too.

use std::io::{self, BufRead, IsTerminal};

use auth::ports::{AccountStoreError, Added, HashError};
use auth::{Account, AccountChange, EmailAddress, NewAccount, NewPassword, Role, Roles, Username};
use backends::{Config, Ports};
use kernel::UserId;

use super::Context;
use crate::cli::{PasswordSource, RoleName, UserCommand};
use process::Failure;
use process::output;

/// Accounts that are read at once.
const PAGE: u16 = 500;

pub(super) async fn run(context: &Context, command: UserCommand) -> Result<(), Failure> {
    let config = context.config()?;
    match command {
        UserCommand::Add {
            username,
            email,
            roles,
            password,
        } => {
            let username = name(&username)?;
            let email = EmailAddress::parse(&email).map_err(Failure::wrong_use)?;
            let roles = Roles::new(roles.into_iter().map(role))
                .ok_or_else(|| Failure::wrong_use("an account needs a role"))?;
            let password = read_password(&password)?;
            let opened = context.open(&config).await?;
            let ports = &opened.ports;
            let account = NewAccount {
                id: UserId(ports.ids.next()),
                username,
                email,
                password: ports.hasher.hash(&password).await.map_err(hashing)?,
                roles,
                created_at: ports.clock.now(),
            };
            match ports.accounts.add(&account).await.map_err(away)? {
                Added::Yes => {
                    output::line(format_args!("added {}", account.username.as_str()));
                    Ok(())
                }
                Added::UsernameTaken => Err(Failure::failed("the name is taken")),
                Added::EmailTaken => Err(Failure::failed("the email is taken")),
            }
        }
        UserCommand::List => list(&context.open(&config).await?.ports).await,
        UserCommand::Passwd { username, password } => {
            let username = name(&username)?;
            let password = read_password(&password)?;
            let opened = context.open(&config).await?;
            let hash = opened.ports.hasher.hash(&password).await.map_err(hashing)?;
            let change = AccountChange {
                password: Some(hash),
                ..AccountChange::default()
            };
            change_account(&opened.ports, &username, &change).await?;
            output::line(format_args!("{} has a new password", username.as_str()));
            Ok(())
        }
        UserCommand::Disable { username } => set_active(context, &config, &username, false).await,
        UserCommand::Enable { username } => set_active(context, &config, &username, true).await,
    }
}

async fn list(ports: &Ports) -> Result<(), Failure> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = ports.accounts.list(after, PAGE).await.map_err(away)?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        rows.extend(page.iter().map(row));
    }
    output::table(
        ["USERNAME", "ROLES", "STATUS", "LAST LOGIN", "EMAIL"],
        &rows,
    );
    Ok(())
}

fn row(account: &Account) -> [String; 5] {
    let roles: Vec<&str> = account
        .roles
        .as_slice()
        .iter()
        .map(|it| it.as_str())
        .collect();
    let status = if account.is_active {
        "active"
    } else {
        "disabled"
    };
    [
        account.username.as_str().to_owned(),
        roles.join(","),
        status.to_owned(),
        account
            .last_login_at
            .map_or_else(|| "never".to_owned(), |it| it.to_string()),
        account.email.as_str().to_owned(),
    ]
}

async fn set_active(
    context: &Context,
    config: &Config,
    username: &str,
    is_active: bool,
) -> Result<(), Failure> {
    let username = name(username)?;
    let opened = context.open(config).await?;
    let change = AccountChange {
        is_active: Some(is_active),
        ..AccountChange::default()
    };
    change_account(&opened.ports, &username, &change).await?;
    let state = if is_active { "enabled" } else { "disabled" };
    output::line(format_args!("{} is {state}", username.as_str()));
    Ok(())
}

async fn change_account(
    ports: &Ports,
    username: &Username,
    change: &AccountChange,
) -> Result<(), Failure> {
    let unknown = || Failure::failed("no such account");
    let account = ports.accounts.by_username(username).await.map_err(away)?;
    let id = account.ok_or_else(unknown)?.id;
    let changed = ports.accounts.change(id, change).await.map_err(away)?;
    changed.map(drop).ok_or_else(unknown)
}

fn name(text: &str) -> Result<Username, Failure> {
    Username::parse(text)
        .map_err(|_| Failure::wrong_use("a user name has 3 to 64 characters and no white space"))
}

fn role(name: RoleName) -> Role {
    match name {
        RoleName::Admin => Role::Admin,
        RoleName::User => Role::User,
    }
}

/// From the variable that is named, from the terminal without echo, or from the first line of
/// stdin.
fn read_password(source: &PasswordSource) -> Result<NewPassword, Failure> {
    let unreadable =
        |error: io::Error| Failure::failed(format_args!("the password cannot be read: {error}"));
    let text = match &source.password_env {
        Some(variable) => std::env::var(variable)
            .map_err(|_| Failure::wrong_use(format_args!("{variable} holds no password")))?,
        None if io::stdin().is_terminal() => {
            let first = rpassword::prompt_password("Password: ").map_err(unreadable)?;
            let again = rpassword::prompt_password("Again: ").map_err(unreadable)?;
            if first != again {
                return Err(Failure::failed("the passwords differ"));
            }
            first
        }
        None => {
            let mut line = String::new();
            io::stdin()
                .lock()
                .read_line(&mut line)
                .map_err(unreadable)?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    NewPassword::parse(text).map_err(|error| {
        Failure::wrong_use(format_args!(
            "{error}: {} to {} bytes are needed",
            NewPassword::MIN_BYTES,
            NewPassword::MAX_BYTES
        ))
    })
}

fn away(error: AccountStoreError) -> Failure {
    Failure::failed(error)
}

fn hashing(error: HashError) -> Failure {
    Failure::failed(error)
}
