# The reference fit: Rscript fit.R TABLE FORMULA FAMILY OUT PACKAGE REML
# TABLE.json names the columns and levels of TABLE, which holds them one after the other as doubles. PACKAGE is glmmTMB or lme4.
asked <- commandArgs(trailingOnly = TRUE)
suppressMessages({library(jsonlite); library(asked[5], character.only = TRUE)})
header <- fromJSON(paste0(asked[1], ".json"), simplifyVector = TRUE)
file <- file(asked[1], "rb")
table <- list()
for (name in header$columns) {
  values <- readBin(file, "double", header$n)
  levels <- header$levels[[name]]
  table[[name]] <- if (is.null(levels)) values else factor(levels[values + 1], levels = levels)
}
close(file)
table <- as.data.frame(table)
rm(values); invisible(gc())
before <- as.numeric(strsplit(readLines("/proc/self/statm"), " ")[[1]][2]) * 4096 / 2^20  # resident MB

if (asked[5] == "lme4") {
  taken <- system.time(fit <- if (asked[3] == "gaussian") {
    lmer(as.formula(asked[2]), data = table, REML = asked[6] == "TRUE", control = lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12)))
  } else {
    glmer(as.formula(asked[2]), data = table, family = poisson(), nAGQ = 1)
  })
  coefficients <- summary(fit)$coefficients
  variances <- VarCorr(fit)
  effects <- as.data.frame(ranef(fit, condVar = TRUE))
  shape <- if (asked[3] == "gaussian") list(sigma = sigma(fit)) else NULL
  converged <- length(fit@optinfo$conv$lme4) == 0
} else {
  families <- list(poisson = poisson(), negative_binomial = nbinom2(), tweedie = tweedie(), gamma = Gamma(link = "log"),
                   nb1 = nbinom1(), gaussian = gaussian(), binomial = binomial())
  inflated <- startsWith(asked[3], "zero_inflated_")
  taken <- system.time(fit <- glmmTMB(as.formula(asked[2]), data = table, family = families[[sub("zero_inflated_", "", asked[3])]],
                                      ziformula = if (inflated) ~1 else ~0, REML = asked[6] == "TRUE"))
  coefficients <- summary(fit)$coefficients$cond
  variances <- VarCorr(fit)$cond
  effects <- as.data.frame(ranef(fit, condVar = FALSE))
  zero_inflation <- if (inflated) plogis(unname(fixef(fit)$zi)) else NULL
  shape <- switch(asked[3], negative_binomial = , nb1 = list(phi = sigma(fit)), gaussian = list(sigma = sigma(fit)), gamma = list(phi = sigma(fit)^2),
                  tweedie = list(phi = sigma(fit), power = unname(family_params(fit))),
                  zero_inflated_poisson = list(zero_inflation = zero_inflation),
                  zero_inflated_negative_binomial = list(phi = sigma(fit), zero_inflation = zero_inflation))
  converged <- isTRUE(fit$fit$convergence == 0) && isTRUE(fit$sdr$pdHess)
}
write_json(list(
  package = asked[5], version = as.character(packageVersion(asked[5])), r = R.version.string,
  seconds = unname(taken["elapsed"]), cpu_seconds = unname(taken["user.self"] + taken["sys.self"]), before_mb = before,
  converged = converged,
  log_likelihood = as.numeric(logLik(fit)), n_parameters = attr(logLik(fit), "df"), aic = AIC(fit),
  names = rownames(coefficients), estimate = unname(coefficients[, 1]), se = unname(coefficients[, 2]), shape = shape,
  random = lapply(variances, function(one) list(sd = unname(attr(one, "stddev")), correlation = unname(attr(one, "correlation")))),
  effects = lapply(split(effects, effects$grpvar), function(one) list(
    effect = as.character(one$term), group = as.character(one$grp), mode = one$condval, sd = one$condsd))
), asked[4], digits = NA, auto_unbox = TRUE, null = "null")
