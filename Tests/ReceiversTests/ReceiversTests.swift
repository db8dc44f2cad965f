// ReceiversTests
