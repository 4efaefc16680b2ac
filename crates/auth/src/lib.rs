//! Accounts, sign-in and who a caller is.

mod account;
mod authenticate;
mod password;
pub mod ports;
mod principal;
mod sign_in;
mod throttle;
mod token;

pub use self::account::{
    Account, AccountChange, EmailAddress, EmailAddressError, NewAccount, Username, UsernameError,
};
pub use self::authenticate::{Authenticate, AuthenticateError, SESSION_MAX_AGE};
pub use self::password::{NewPassword, NewPasswordError, PasswordHash};
pub use self::principal::{Principal, Role, Roles, Verified};
pub use self::sign_in::{SignIn, SignInError, SignedIn};
pub use self::throttle::{Allowance, Quota, ThrottleKey};
pub use self::token::{Claims, TokenId};
