//! Signing in and out, one's own account, and the public keys.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use auth::{ThrottleKey, Username};
use kernel::Secret;
use serde::Serialize;

use crate::accounts::AccountView;
use crate::answer;
use crate::body::Fields;
use crate::caller::{Caller, ClientAddress};
use crate::edge::bearer;
use crate::problem::{Problem, ProblemKind};
use crate::rate::Taken;
use crate::services::Services;
use crate::thread::Thread;

/// Passwords of the accounts that a first start in development makes: publicly known.
pub(crate) const DEVELOPMENT_PASSWORDS: [&str; 3] = ["password", "password123", "api123"];

#[derive(Serialize)]
struct SignedInBody {
    user: SignedInUser,
    token_type: &'static str,
    expires_in: u64,
}

#[derive(Serialize)]
struct SignedInUser {
    id: String,
    username: String,
    email: String,
    roles: Vec<&'static str>,
    last_login: Option<String>,
    token: String,
}

/// `POST /api/v1/login`.
pub(crate) async fn sign_in(
    services: web::Data<Services>,
    Thread(thread): Thread,
    ClientAddress(address): ClientAddress,
    mut fields: Fields,
) -> Result<HttpResponse, Problem> {
    let username = fields.required_text("username");
    let password = fields.required_text("password").map(Secret::new);
    fields.finish()?;
    let (Some(username), Some(password)) = (username, password) else {
        return Err(ProblemKind::InvalidRequest.into());
    };

    // Names that nobody can have share one count.
    let key = Username::parse(&username).map_or(String::new(), |it| it.key().to_owned());
    let key = ThrottleKey::SignIn(key, address);
    let throttle = services.ports.throttle.as_ref();
    let rate = services.rates.sign_in.take(throttle, &key).await;
    if !rate.allowance.allowed {
        return Err(throttled(&rate));
    }

    let known = DEVELOPMENT_PASSWORDS.contains(&password.expose().as_str());
    // A name that nobody has is refused after the same time as a wrong password.
    let username = if known && services.settings.production {
        ""
    } else {
        username.as_str()
    };
    let signed_in = services.sign_in.run(username, &password).await?;
    let account = &signed_in.account;
    let body = SignedInBody {
        user: SignedInUser {
            id: account.id.to_string(),
            username: account.username.as_str().to_owned(),
            email: account.email.as_str().to_owned(),
            roles: account
                .roles
                .as_slice()
                .iter()
                .map(|it| it.as_str())
                .collect(),
            last_login: account.last_login_at.map(|it| it.to_string()),
            token: signed_in.token.expose().clone(),
        },
        token_type: "Bearer",
        expires_in: signed_in.token_life.as_secs(),
    };
    answer::done(StatusCode::OK, "Login was successful!", &body, &thread)
}

fn throttled(rate: &Taken<'_>) -> Problem {
    let problem =
        Problem::new(ProblemKind::SignInThrottled).retry_after(rate.allowance.retry_after);
    let headers = rate.headers();
    headers.fold(problem, |problem, (name, value)| {
        problem.header(name, value)
    })
}

/// `POST /api/v1/logout`: the token presented is no good any more.
pub(crate) async fn sign_out(
    services: web::Data<Services>,
    Thread(thread): Thread,
    _: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(bearer);
    services.authenticate.revoke(token.unwrap_or("")).await?;
    answer::done(
        StatusCode::OK,
        "Logout was successful!",
        &answer::Nothing {},
        &thread,
    )
}

/// `GET` and `POST /api/v1/user/profile`: the caller's own account.
pub(crate) async fn profile(
    services: web::Data<Services>,
    Caller(caller): Caller,
) -> Result<HttpResponse, Problem> {
    let account = services.ports.accounts.by_id(caller.user).await?;
    let account = account.ok_or(ProblemKind::RevokedToken)?;
    answer::data(&AccountView::from(&account))
}

/// How long the public keys may be kept.
const KEYS_MAX_AGE: Duration = Duration::from_mins(5);

/// `GET /.well-known/jwks.json`: 404 while tokens are signed with a shared secret.
pub(crate) async fn public_keys(services: web::Data<Services>) -> Result<HttpResponse, Problem> {
    let keys = services.ports.tokens.public_keys();
    let keys = keys.ok_or(ProblemKind::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((
            header::CACHE_CONTROL,
            format!("public, max-age={}", KEYS_MAX_AGE.as_secs()),
        ))
        .body(keys))
}
