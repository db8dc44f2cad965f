// QueryAPITests
