//! `envbox doctor`, on the machine that the tests run on.
