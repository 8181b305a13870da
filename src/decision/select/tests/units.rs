//! Products with several prices.
