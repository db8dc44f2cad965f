// The shop that packs of spans and access-log lines tell about: twelve services, six kinds of request.
#include "generator.h"

const char *const serviceNames[serviceCount] = {
    "istio-ingressgateway", "frontend", "productcatalogservice", "cartservice",
    "recommendationservice", "shippingservice", "checkoutservice", "paymentservice",
    "emailservice", "currencyservice", "adservice", "redis-cart"};

const char *const serviceLanguages[serviceCount] = {
    "cpp", "go", "go", "dotnet", "python", "go", "go", "nodejs", "python", "nodejs", "java", "cpp"};

const char *const rpcServices[serviceCount] = {
    "", "", "hipstershop.ProductCatalogService", "hipstershop.CartService",
    "hipstershop.RecommendationService", "hipstershop.ShippingService",
    "hipstershop.CheckoutService", "hipstershop.PaymentService", "hipstershop.EmailService",
    "hipstershop.CurrencyService", "hipstershop.AdService", ""};

const char *const userAgents[userAgentCount] = {
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "python-requests/2.32.3", "curl/8.5.0", "Go-http-client/2.0", "kube-probe/1.30"};

char podNames[serviceCount][podsPerService][64];

const Shape shapes[shapeCount] = {
    {30, 6,
     {{-1, frontend, "GET", "/"},
      {0, currency, "GetSupportedCurrencies", NULL},
      {0, catalog, "ListProducts", NULL},
      {0, cart, "GetCart", NULL},
      {3, redis, "HGET", NULL},
      {0, ads, "GetAds", NULL}}},
    {30, 8,
     {{-1, frontend, "GET", "/product/{id}"},
      {0, catalog, "GetProduct", NULL},
      {0, currency, "Convert", NULL},
      {0, cart, "GetCart", NULL},
      {3, redis, "HGET", NULL},
      {0, recommendation, "ListRecommendations", NULL},
      {5, catalog, "ListProducts", NULL},
      {0, ads, "GetAds", NULL}}},
    {12, 5,
     {{-1, frontend, "POST", "/cart"},
      {0, catalog, "GetProduct", NULL},
      {0, cart, "AddItem", NULL},
      {2, redis, "HGET", NULL},
      {2, redis, "HSET", NULL}}},
    {10, 7,
     {{-1, frontend, "GET", "/cart"},
      {0, currency, "GetSupportedCurrencies", NULL},
      {0, cart, "GetCart", NULL},
      {2, redis, "HGET", NULL},
      {0, recommendation, "ListRecommendations", NULL},
      {4, catalog, "ListProducts", NULL},
      {0, shipping, "GetQuote", NULL}}},
    {8, 10,
     {{-1, frontend, "POST", "/cart/checkout"},
      {0, checkout, "PlaceOrder", NULL},
      {1, cart, "GetCart", NULL},
      {2, redis, "HGET", NULL},
      {1, catalog, "GetProduct", NULL},
      {1, currency, "Convert", NULL},
      {1, shipping, "GetQuote", NULL},
      {1, payment, "Charge", NULL},
      {1, shipping, "ShipOrder", NULL},
      {1, email, "SendOrderConfirmation", NULL}}},
    {10, 4,
     {{-1, frontend, "POST", "/setCurrency"},
      {0, currency, "GetSupportedCurrencies", NULL},
      {0, ads, "GetAds", NULL},
      {0, currency, "Convert", NULL}}},
};

void namePods(void) {
    for (int service = 0; service < serviceCount; service++) {
        for (int pod = 0; pod < podsPerService; pod++) {
            snprintf(podNames[service][pod], sizeof podNames[service][pod], "%s-%010lx-%05x",
                     serviceNames[service], randomBits() >> 24, randomBelow(1 << 20));
        }
    }
}

void randomUUID(char text[37]) {
    uint64_t high = randomBits(), low = randomBits();
    snprintf(text, 37, "%08x-%04x-4%03x-%04x-%012lx", (uint32_t)(high >> 32),
             (uint32_t)(high >> 16 & 0xffff), (uint32_t)(high & 0xfff),
             (uint32_t)(0x8000 | (low >> 48 & 0x3fff)), low & 0xffffffffffff);
}
