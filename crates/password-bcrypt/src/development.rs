//! Hashes of the passwords of the accounts that a first start in development creates, made once so
//! that the start does not wait for them. Their cost is [`super::BcryptHasher::DEFAULT_COST`].

/// Of `password`, for `admin`.
pub const ADMIN: &str = "$2b$12$SBKAR.gHHatUSZEKDBcq3O.XZYsWWjmmwe50U9c/L7kJduvrqQeRu";
/// Of `password123`, for `user`.
pub const USER: &str = "$2b$12$4gKV2lfWqO40X7JJdDdlwOcI0cB1hSMICOr7pDlfscaH9np6ablUC";
/// Of `api123`, for `api_user`.
pub const API_USER: &str = "$2b$12$pd5n1aH2QZ2O4T9EbxuLTeMlLfmtzJZJQ2LFFn.JHa.iTpF97JZTe";
