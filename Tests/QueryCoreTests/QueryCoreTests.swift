// QueryCoreTests
