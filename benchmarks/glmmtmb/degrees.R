# Degrees of freedom of lmerTest for the test of ours: Rscript degrees.R tests/mixed/fixtures/degrees_lmerTest.json
suppressMessages({library(lmerTest); library(jsonlite)})
set.seed(1)
n <- 140
g <- sample(1:12, n, TRUE, prob = (1:12)^1.5)  # groups of 1 to 30 rows
h <- sample(1:6, n, TRUE)
x <- rnorm(n)
z <- rnorm(12)[g]
y <- 1 + .3 * x + .5 * z + rnorm(12, 0, .8)[g] + rnorm(12, 0, .3)[g] * x + rnorm(6, 0, .5)[h] + rnorm(n)
table <- data.frame(y, x, z, g, h = paste0("h", h))
fits <- list()
for (reml in c(TRUE, FALSE)) for (formula in c("y ~ x + z + (1 | g)", "y ~ x + z + (1 + x | g)", "y ~ x + z + (1 | g) + (1 | h)")) {
  fit <- lmerTest::lmer(as.formula(formula), table, REML = reml, control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14)))
  found <- coef(summary(fit))
  fits <- c(fits, list(list(formula = unbox(formula), reml = unbox(reml), names = rownames(found), estimate = found[, 1], se = found[, 2],
                            df = found[, 3], t = found[, 4], p = found[, 5])))
}
package <- unbox(paste("lmerTest", packageVersion("lmerTest")))
write_json(list(package = package, table = table, fits = fits), commandArgs(trailingOnly = TRUE)[1], digits = NA, dataframe = "columns")
