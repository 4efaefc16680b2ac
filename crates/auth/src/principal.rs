//! Who a caller is and what it may do.

use kernel::UserId;

use crate::TokenId;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// Signs in, submits leads, reads what is its own.
    User,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Admin, Self::User];

    /// The role as it is sent and stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ROLE_ADMIN",
            Self::User => "ROLE_USER",
        }
    }

    /// The role of exactly that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}

/// At least one role, each once, in the order of [`Role::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Roles(&'static [Role]);

impl Roles {
    /// These roles; none when there are none.
    pub fn new(roles: impl IntoIterator<Item = Role>) -> Option<Self> {
        let (mut admin, mut user) = (false, false);
        for role in roles {
            match role {
                Role::Admin => admin = true,
                Role::User => user = true,
            }
        }
        match (admin, user) {
            (false, false) => None,
            (true, false) => Some(Self(&[Role::Admin])),
            (false, true) => Some(Self(&[Role::User])),
            (true, true) => Some(Self(&Role::ALL)),
        }
    }

    /// The roles.
    pub fn as_slice(&self) -> &'static [Role] {
        self.0
    }

    /// They let one do what `needed` lets one do; an admin may do everything.
    pub fn allow(&self, needed: Role) -> bool {
        self.0.contains(&needed) || self.0.contains(&Role::Admin)
    }
}

/// How far a caller's token was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Against the account in the store, at most [`crate::SESSION_MAX_AGE`] ago.
    Account,
    /// By its signature only, since the store is away: good for submitting, for nothing else.
    TokenOnly,
}

/// An authenticated caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose token it is.
    pub user: UserId,
    /// What it may do, as the store says, or the token while the store is away.
    pub roles: Roles,
    /// The token.
    pub token: TokenId,
    /// How far it was checked.
    pub verified: Verified,
}
