//! Accounts, for admins.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use auth::ports::Added;
use auth::{
    Account, AccountChange, EmailAddress, NewAccount, NewPassword, NewPasswordError, Role, Roles,
    Username,
};
use kernel::UserId;
use serde::Serialize;

use crate::answer;
use crate::body::Fields;
use crate::caller::Admin;
use crate::paging::{Page, Pagination};
use crate::params::Params;
use crate::path_id::PathId;
use crate::problem::{ErrorCode, ErrorItem, Problem, ProblemKind};
use crate::services::Services;
use crate::session::DEVELOPMENT_PASSWORDS;
use crate::thread::Thread;

/// An account as it is sent: everything but its password.
#[derive(Serialize)]
pub(crate) struct AccountView {
    id: String,
    username: String,
    email: String,
    roles: Vec<&'static str>,
    is_active: bool,
    created_at: String,
    last_login: Option<String>,
}

impl From<&Account> for AccountView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            username: account.username.as_str().to_owned(),
            email: account.email.as_str().to_owned(),
            roles: account
                .roles
                .as_slice()
                .iter()
                .map(|it| it.as_str())
                .collect(),
            is_active: account.is_active,
            created_at: account.created_at.to_string(),
            last_login: account.last_login_at.map(|it| it.to_string()),
        }
    }
}

/// `GET /api/v1/users`: accounts in the order they were added.
pub(crate) async fn list(
    services: web::Data<Services>,
    _: Admin,
    params: Params,
) -> Result<HttpResponse, Problem> {
    #[derive(Serialize)]
    struct Accounts {
        data: Vec<AccountView>,
        pagination: Pagination,
    }
    let page = Page::read(&params)?;
    let after = page.after.map(UserId);
    let mut accounts = services.ports.accounts.list(after, page.limit + 1).await?;
    let next = page.cut(&mut accounts, |it| it.id.0);
    let content = Accounts {
        data: accounts.iter().map(AccountView::from).collect(),
        pagination: page.pagination(next, None),
    };
    let bytes = answer::content_bytes(&content)?;
    Ok(page.answer("/api/v1/users", next, bytes))
}

/// `GET /api/v1/users/{id}`.
pub(crate) async fn show(
    services: web::Data<Services>,
    _: Admin,
    PathId(id): PathId,
) -> Result<HttpResponse, Problem> {
    let account = services.ports.accounts.by_id(UserId(id)).await?;
    let account = account.ok_or(ProblemKind::NotFound)?;
    answer::data(&AccountView::from(&account))
}

/// `POST /api/v1/users`.
pub(crate) async fn add(
    services: web::Data<Services>,
    Thread(thread): Thread,
    _: Admin,
    mut fields: Fields,
) -> Result<HttpResponse, Problem> {
    let production = services.settings.production;
    let username = fields.required_text("username").and_then(|text| {
        let username = Username::parse(&text).ok();
        or_refuse(
            &mut fields,
            "username",
            username.ok_or(ErrorCode::UsernameInvalid),
        )
    });
    let email = fields.required_text("email").and_then(|text| {
        let email = EmailAddress::parse(&text).ok();
        or_refuse(&mut fields, "email", email.ok_or(ErrorCode::EmailInvalid))
    });
    let password = fields
        .required_text("password")
        .and_then(|text| new_password(&mut fields, text, production));
    if !fields.has("roles") {
        fields.refuse("roles", ErrorCode::Required);
    }
    let roles = roles(&mut fields);
    fields.finish()?;
    let (Some(username), Some(email), Some(password), Some(roles)) =
        (username, email, password, roles)
    else {
        return Err(ProblemKind::InvalidRequest.into());
    };

    let account = NewAccount {
        id: UserId(services.ports.ids.next()),
        username,
        email,
        password: services.ports.hasher.hash(&password).await?,
        roles,
        created_at: services.ports.clock.now(),
    };
    let taken = match services.ports.accounts.add(&account).await? {
        Added::Yes => None,
        Added::UsernameTaken => Some(("/username", ErrorCode::UsernameTaken)),
        Added::EmailTaken => Some(("/email", ErrorCode::EmailTaken)),
    };
    if let Some((pointer, code)) = taken {
        return Err(Problem::new(ProblemKind::AccountExists)
            .detail(code.detail())
            .errors(vec![ErrorItem::at(pointer, code)]));
    }
    let location = format!("/api/v1/users/{}", account.id);
    let view = AccountView::from(&Account {
        id: account.id,
        username: account.username,
        email: account.email,
        password: account.password,
        roles: account.roles,
        is_active: true,
        created_at: account.created_at,
        last_login_at: None,
    });
    let content = answer::with_data(view);
    let mut response = answer::done(StatusCode::CREATED, "User was created", &content, &thread)?;
    if let Ok(location) = location.parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `PATCH /api/v1/users/{id}`: new roles, a new password, disabled or enabled.
pub(crate) async fn change(
    services: web::Data<Services>,
    Thread(thread): Thread,
    _: Admin,
    PathId(id): PathId,
    mut fields: Fields,
) -> Result<HttpResponse, Problem> {
    let user = UserId(id);
    let roles = roles(&mut fields);
    let password = fields
        .text("password")
        .and_then(|text| new_password(&mut fields, text, services.settings.production));
    let is_active = fields.flag("is_active");
    fields.finish()?;
    if roles.is_none() && password.is_none() && is_active.is_none() {
        return Err(Problem::new(ProblemKind::InvalidRequest)
            .errors(vec![ErrorItem::at("", ErrorCode::NothingToChange)]));
    }
    let password = match password {
        Some(password) => Some(services.ports.hasher.hash(&password).await?),
        None => None,
    };
    let takes_away_admin =
        is_active == Some(false) || roles.as_ref().is_some_and(|it| !it.allow(Role::Admin));
    let change = AccountChange {
        roles,
        password,
        is_active,
    };

    // One at a time, so that two admins cannot disable each other.
    let _one_at_a_time = services.account_changes.lock().await;
    if takes_away_admin && !another_admin(&services, user).await? {
        return Err(ProblemKind::LastAdmin.into());
    }
    let account = services.ports.accounts.change(user, &change).await?;
    let account = account.ok_or(ProblemKind::NotFound)?;
    services.authenticate.forget(user);
    let content = answer::with_data(AccountView::from(&account));
    answer::done(StatusCode::OK, "User was changed", &content, &thread)
}

/// Whether an active admin is left without `user`, or `user` is none.
async fn another_admin(services: &Services, user: UserId) -> Result<bool, Problem> {
    const PAGE: u16 = 1_000;
    let is_admin = |it: &Account| it.is_active && it.roles.allow(Role::Admin);
    match services.ports.accounts.by_id(user).await? {
        Some(account) if is_admin(&account) => {}
        _ => return Ok(true),
    }
    let mut after = None;
    loop {
        let page = services.ports.accounts.list(after, PAGE).await?;
        if page.iter().any(|it| it.id != user && is_admin(it)) {
            return Ok(true);
        }
        match page.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(false),
        }
    }
}

fn or_refuse<T>(fields: &mut Fields, name: &str, read: Result<T, ErrorCode>) -> Option<T> {
    read.map_err(|code| fields.refuse(name, code)).ok()
}

fn new_password(fields: &mut Fields, text: String, production: bool) -> Option<NewPassword> {
    let read = if production && DEVELOPMENT_PASSWORDS.contains(&text.as_str()) {
        Err(ErrorCode::PasswordRefused)
    } else {
        NewPassword::parse(text).map_err(|error| match error {
            NewPasswordError::TooShort => ErrorCode::PasswordTooShort,
            NewPasswordError::TooLong => ErrorCode::PasswordTooLong,
            NewPasswordError::Nul => ErrorCode::PasswordNul,
        })
    };
    or_refuse(fields, "password", read)
}

fn roles(fields: &mut Fields) -> Option<Roles> {
    let names = fields.texts("roles")?;
    let roles: Option<Vec<Role>> = names.iter().map(|it| Role::from_name(it)).collect();
    let roles = roles.and_then(Roles::new);
    or_refuse(fields, "roles", roles.ok_or(ErrorCode::RolesInvalid))
}
