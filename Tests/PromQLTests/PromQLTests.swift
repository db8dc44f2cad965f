// PromQLTests
