//! Accounts and revoked tokens.

use async_trait::async_trait;
use auth::ports::{AccountStore, AccountStoreError, Added, Session};
use auth::{
    Account, AccountChange, EmailAddress, NewAccount, PasswordHash, Role, Roles, TokenId, Username,
};
use kernel::{Timestamp, UserId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, Select,
};

use crate::entity::revoked_token;
use crate::entity::user::{Column, Entity, Model};
use crate::failure::{Trouble, Unreadable};
use crate::row::moment;
use crate::store::{SqlStore, Work};

#[async_trait]
impl AccountStore for SqlStore {
    async fn by_username(&self, username: &Username) -> Result<Option<Account>, AccountStoreError> {
        let find =
            Entity::find().filter(Column::UsernameKey.eq(username.key().as_bytes().to_vec()));
        Ok(self.read(self.accounts(find)).await?.pop())
    }

    async fn by_id(&self, user: UserId) -> Result<Option<Account>, AccountStoreError> {
        Ok(self.read(find(self.reader(), user)).await?)
    }

    async fn list(
        &self,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<Account>, AccountStoreError> {
        let mut find = Entity::find();
        if let Some(after) = after {
            find = find.filter(Column::Id.gt(after.0));
        }
        let find = find.order_by_asc(Column::Id).limit(u64::from(limit));
        Ok(self.read(self.accounts(find)).await?)
    }

    async fn add(&self, account: &NewAccount) -> Result<Added, AccountStoreError> {
        Ok(self.transact(&Add { account }).await?)
    }

    async fn change(
        &self,
        user: UserId,
        change: &AccountChange,
    ) -> Result<Option<Account>, AccountStoreError> {
        Ok(self.transact(&Change { user, change }).await?)
    }

    async fn signed_in(&self, user: UserId, at: Timestamp) -> Result<(), AccountStoreError> {
        Ok(self.transact(&SignedIn { user, at }).await?)
    }

    async fn session(
        &self,
        user: UserId,
        token: TokenId,
    ) -> Result<Option<Session>, AccountStoreError> {
        Ok(self.read(self.session_of(user, token)).await?)
    }

    async fn revoke(
        &self,
        token: TokenId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), AccountStoreError> {
        let revoke = Revoke {
            token,
            expires_at,
            now,
        };
        Ok(self.transact(&revoke).await?)
    }
}

impl SqlStore {
    async fn accounts(&self, find: Select<Entity>) -> Result<Vec<Account>, Trouble> {
        let rows = find.all(self.reader()).await?;
        Ok(rows.into_iter().map(account_of).collect::<Result<_, _>>()?)
    }

    async fn session_of(&self, user: UserId, token: TokenId) -> Result<Option<Session>, Trouble> {
        let statement = sea_orm::Statement::from_sql_and_values(
            self.reader().get_database_backend(),
            "SELECT users.is_active, users.roles, revoked_tokens.id AS revoked \
             FROM users LEFT JOIN revoked_tokens ON revoked_tokens.id = ? WHERE users.id = ?",
            [token.0.into(), user.0.into()],
        );
        let Some(row) = self.reader().query_one_raw(statement).await? else {
            return Ok(None);
        };
        let roles: String = row.try_get("", "roles")?;
        let revoked: Option<uuid::Uuid> = row.try_get("", "revoked")?;
        Ok(Some(Session {
            is_active: row.try_get("", "is_active")?,
            roles: roles_of(&roles)?,
            is_revoked: revoked.is_some(),
        }))
    }
}

struct Add<'a> {
    account: &'a NewAccount,
}

#[async_trait]
impl Work for Add<'_> {
    type Out = Added;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Added, Trouble> {
        let account = self.account;
        let row = Model {
            id: account.id.0,
            username: account.username.as_str().to_owned(),
            email: account.email.as_str().to_owned(),
            password_hash: account.password.expose().to_owned(),
            roles: roles_column(&account.roles),
            is_active: true,
            created_at: account.created_at.date_time(),
            last_login_at: None,
            username_key: account.username.key().as_bytes().to_vec(),
            email_key: email_key(&account.email),
        };
        let (username_key, email_key) = (row.username_key.clone(), row.email_key.clone());
        let kept = OnConflict::new().do_nothing_on([Column::Id]).to_owned();
        Entity::insert(row.into_active_model())
            .on_conflict(kept)
            .exec_without_returning(tx)
            .await?;
        let is_there = Entity::find_by_id(account.id.0).one(tx).await?.is_some();
        if is_there {
            return Ok(Added::Yes);
        }
        let same_name = Entity::find()
            .filter(Column::UsernameKey.eq(username_key))
            .one(tx)
            .await?;
        if same_name.is_some() {
            return Ok(Added::UsernameTaken);
        }
        let same_email = Entity::find()
            .filter(Column::EmailKey.eq(email_key))
            .one(tx)
            .await?;
        match same_email {
            Some(_) => Ok(Added::EmailTaken),
            None => Err(DbErr::RecordNotInserted.into()),
        }
    }
}

struct Change<'a> {
    user: UserId,
    change: &'a AccountChange,
}

#[async_trait]
impl Work for Change<'_> {
    type Out = Option<Account>;

    async fn run(&self, tx: &DatabaseTransaction) -> Result<Option<Account>, Trouble> {
        let mut update = Entity::update_many().filter(Column::Id.eq(self.user.0));
        let AccountChange {
            roles,
            password,
            is_active,
        } = self.change;
        if let Some(roles) = roles {
            update = update.col_expr(Column::Roles, roles_column(roles).into());
        }
        if let Some(password) = password {
            update = update.col_expr(Column::PasswordHash, password.expose().into());
        }
        if let Some(is_active) = is_active {
            update = update.col_expr(Column::IsActive, (*is_active).into());
        }
        if roles.is_some() || password.is_some() || is_active.is_some() {
            update.exec(tx).await?;
        }
        find(tx, self.user).await
    }
}

struct SignedIn {
    user: UserId,
    at: Timestamp,
}

#[async_trait]
impl Work for SignedIn {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        Entity::update_many()
            .col_expr(Column::LastLoginAt, self.at.date_time().into())
            .filter(Column::Id.eq(self.user.0))
            .exec(tx)
            .await?;
        Ok(())
    }
}

struct Revoke {
    token: TokenId,
    expires_at: Timestamp,
    now: Timestamp,
}

#[async_trait]
impl Work for Revoke {
    type Out = ();

    async fn run(&self, tx: &DatabaseTransaction) -> Result<(), Trouble> {
        use revoked_token::{Column, Entity, Model};
        Entity::delete_many()
            .filter(Column::ExpiresAt.lt(self.now.date_time()))
            .exec(tx)
            .await?;
        let row = Model {
            id: self.token.0,
            expires_at: self.expires_at.date_time(),
        };
        let kept = OnConflict::column(Column::Id)
            .do_nothing_on([Column::Id])
            .to_owned();
        Entity::insert(row.into_active_model())
            .on_conflict(kept)
            .exec_without_returning(tx)
            .await?;
        Ok(())
    }
}

async fn find<C: ConnectionTrait>(db: &C, user: UserId) -> Result<Option<Account>, Trouble> {
    let row = Entity::find_by_id(user.0).one(db).await?;
    Ok(row.map(account_of).transpose()?)
}

/// The form in which addresses are compared: lower case.
fn email_key(email: &EmailAddress) -> Vec<u8> {
    email.as_str().to_lowercase().into_bytes()
}

fn roles_column(roles: &Roles) -> String {
    let names: Vec<&str> = roles.as_slice().iter().map(|it| it.as_str()).collect();
    // A list of texts always has a JSON form.
    serde_json::to_string(&names).unwrap_or_default()
}

fn roles_of(column: &str) -> Result<Roles, Unreadable> {
    let unreadable = Unreadable("users.roles");
    let names: Vec<String> = serde_json::from_str(column).map_err(|_| unreadable)?;
    let roles: Option<Vec<Role>> = names.iter().map(|it| Role::from_name(it)).collect();
    roles.and_then(Roles::new).ok_or(unreadable)
}

fn account_of(row: Model) -> Result<Account, Unreadable> {
    Ok(Account {
        id: UserId(row.id),
        username: Username::parse(&row.username).map_err(|_| Unreadable("users.username"))?,
        email: EmailAddress::parse(&row.email).map_err(|_| Unreadable("users.email"))?,
        password: PasswordHash::new(row.password_hash),
        roles: roles_of(&row.roles)?,
        is_active: row.is_active,
        created_at: moment(row.created_at, "users.created_at")?,
        last_login_at: row
            .last_login_at
            .map(|it| moment(it, "users.last_login_at"))
            .transpose()?,
    })
}
