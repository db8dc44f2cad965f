// RegularExpressionsTests
